"""Rows of Spark DataFrames and streams, delivered by the executors of a cluster.

::

    netaudience.spark.register(spark)
    options = {"vendor": "netmera", "operation": "tag_users", "arg.tag": "vip", "outcomes": "/mnt/run-42"}
    frame.write.format("netaudience").options(**options).mode("append").save()
    netaudience.spark.report("/mnt/run-42").ok

One process saturates every one of the vendors: this gives access to the data, and no speed. Limits are kept
by quotas that the tasks share.
"""

from netaudience.jobs.spark.frames import ordered, register
from netaudience.jobs.spark.outcomes import SparkReport, report, undelivered

__all__ = ["SparkReport", "ordered", "register", "report", "undelivered"]

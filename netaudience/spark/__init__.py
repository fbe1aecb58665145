"""Rows of Spark DataFrames and streams, delivered by the executors of a cluster.

::

    netaudience.spark.register(spark)
    told = {"vendor": "netmera", "operation": "tag_users", "arg.tag": "vip", "outcomes": "/mnt/lake/run-42"}
    frame.write.format("netaudience").options(**told).mode("append").save()
    netaudience.spark.report("/mnt/lake/run-42").ok

One process saturates every one of the vendors: this gives access to the data, and no speed. Limits are kept
by quotas that the tasks share.
"""

from netaudience.spark.frames import ordered, register
from netaudience.spark.outcomes import SparkReport, report, undelivered

__all__ = ["SparkReport", "ordered", "register", "report", "undelivered"]

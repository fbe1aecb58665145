"""A driver in a process of its own, which a test may kill: it writes a frame, or a stream to its end.

It is told what by a JSON object as its argument.
"""

from __future__ import annotations

import json
import sys

from pyspark.sql import SparkSession

from netaudience.spark import register


def main() -> None:
    """Write."""
    told = json.loads(sys.argv[1])
    spark = (
        SparkSession.builder.master(told["master"])
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "4")
        .getOrCreate()
    )
    register(spark)
    if checkpoint := told.get("checkpoint"):
        schema = spark.read.parquet(told["rows"]).schema
        stream = spark.readStream.schema(schema).option("maxFilesPerTrigger", 1).parquet(told["rows"])
        query = (
            stream.writeStream.format("netaudience")
            .options(**told["options"])
            .option("checkpointLocation", checkpoint)
            .trigger(availableNow=True)
            .start()
        )
        query.awaitTermination()
    else:
        frame = spark.read.parquet(told["rows"]).repartition(8)
        frame.write.format("netaudience").options(**told["options"]).mode("append").save()
    spark.stop()


if __name__ == "__main__":
    main()

"""What is done with a session and with frames before they are written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from netaudience.errors import ConfigurationError
from netaudience.jobs.connectors.packages import need
from netaudience.jobs.deliver.elsewhere import Session
from netaudience.jobs.spark.outcomes import TASKS

Frame = TypeVar("Frame")


def register(spark: Session) -> None:
    """Make ``format("netaudience")`` known to a session.

    Raises:
        ConfigurationError: the session runs tasks twice at a time, or pyspark is missing.
    """
    check_session(spark)
    from netaudience.jobs.spark.data_source import NetaudienceDataSource  # noqa: PLC0415 - needs pyspark

    session: Any = spark
    session.dataSource.register(NetaudienceDataSource)


def check_session(spark: Session) -> None:
    """Refuse a session that runs tasks twice at a time.

    Raises:
        ConfigurationError: it does.
    """
    speculation = spark.conf.get("spark.speculation", "false")
    if str(speculation).lower() == "true":
        raise ConfigurationError(
            "spark.speculation is true: Spark would run tasks twice at a time, and each of them would send "
            "its rows. Set it to false for this application"
        )


def ordered(
    frame: Frame,
    key: str | Sequence[str],
    by: str | Sequence[str],
    *,
    partitions: int = TASKS,
    last: bool = False,
) -> Frame:
    """Return a frame in which the rows of a user are in one partition and in their order.

    Spark keeps no order in a shuffle: without this the older of two rows may be the one that stays.

    Args:
        frame: The frame.
        key: The columns that name a user.
        by: The columns that say the order, as when a row was written.
        partitions: How many tasks send at one time; one account needs no more than a few.
        last: Keep only the last row of each user.
    """
    keys = [key] if isinstance(key, str) else list(key)
    order = [by] if isinstance(by, str) else list(by)
    rows: Any = frame
    if last:
        functions = need("pyspark.sql.functions", "'netaudience[spark]'", "Spark")
        window = need("pyspark.sql.window", "'netaudience[spark]'", "Spark").Window
        newest = window.partitionBy(*keys).orderBy(*[functions.desc(column) for column in order])
        number = "_netaudience_number"
        rows = (
            rows.withColumn(number, functions.row_number().over(newest)).where(f"{number} = 1").drop(number)
        )
    return rows.repartition(partitions, *keys).sortWithinPartitions(*keys, *order)  # type: ignore[no-any-return]

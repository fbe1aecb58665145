"""Rows of Spark, sent by the executors of a cluster: a sink for frames and streams, and a job's engine."""

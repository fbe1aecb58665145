"""What became of a run as tables: Parquet in its folder, and tables of a database."""

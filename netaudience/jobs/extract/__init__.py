"""From files, queries, databases and streams to numbered pages of rows."""

"""Sources that are no files here: databases, lakes, object stores and functions, opened as streams of rows.

A connector is a context manager that gives `Rows`. Whoever reads them writes them down at once, so that a
run and its resumption see the same rows. Packages are imported when they are needed, by `packages`.
"""

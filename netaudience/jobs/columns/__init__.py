"""Columns of a source: their types, their values in SQL and in Python, and what a step takes of them."""

"""From the columns of a source to the items of an operation: by name, by type, or row by row."""

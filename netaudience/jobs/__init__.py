"""Jobs: a source, one or more operations over its rows, and what stops them."""

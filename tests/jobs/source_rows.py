"""What a job's source gives: its rows, the values of a column, and what is no row."""

from netaudience.jobs.spec.model import Expression


def columns(*names, **expressions):
    fields = {name: Expression(column=name) for name in names}
    return fields | {name: Expression(sql=sql) for name, sql in expressions.items()}


def read(table, fields, where=None):
    return [row for page in table.rows(fields, where) for row in page]


def values(table, name="id"):
    return [row["fields"].get(name) for row in read(table, columns(name)) if "problem" not in row]


def problems(table, fields=None):
    """Give the number of each row that is none, and why; which line it is, where no row stands there."""
    return [(row["row"], told(row)) for row in read(table, fields or {}) if "problem" in row]


def told(row):
    place = row.get("place")
    return f"{place}: {row['problem']}" if place else row["problem"]

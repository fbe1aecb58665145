"""The table [results] of a job file: the database to whose tables each run adds what became of its rows."""

from __future__ import annotations

import re

from netaudience.jobs.spec.diagnostics import Section
from netaudience.jobs.spec.model import Results
from netaudience.jobs.spec.secrets import secret
from netaudience.jobs.spec.source_section import DBAPI

RESULTS = ("connection", "uri", "tables")
#: How the names of tables begin, behind those of their database and schema.
_BEGINNING = re.compile(r"(?:[A-Za-z_][A-Za-z0-9_]*\.){0,2}[A-Za-z_][A-Za-z0-9_]*")


def results_of(results: Section) -> Results:
    """Read where results are written; what is wrong goes to the section's problems."""
    default = Results()
    connection = results.text("connection")
    if connection is not None and not (connection == "postgresql" or DBAPI.fullmatch(connection)):
        results.wrong("connection", "tables are written to postgresql, or by a module: dbapi:MODULE")
    if connection is not None and "uri" not in results:
        results.wrong("connection", 'a connection needs an address: add uri = { env = "RESULTS_URI" }')
    for key in ("uri", "tables"):
        if key in results and connection is None:
            results.wrong(key, f"{key} is about a connection, and there is none: leave it out")
    tables = results.text("tables")
    if tables is not None and not _BEGINNING.fullmatch(tables):
        results.wrong("tables", 'tables is how their names begin, such as tables = "ops.netaudience_"')
    return Results(connection=connection, uri=secret(results, "uri"), tables=tables or default.tables)

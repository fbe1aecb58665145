"""The form of a job file as JSON Schema, for editors: names are completed, and what is wrong is underlined.

Draft 4, which is what TOML plugins of editors validate with. It holds what can be known without the source;
the rest is told by ``netaudience plan``, with lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import get_args

from netaudience.jobs.formats import FORMATS
from netaudience.jobs.spec.audience_section import AUDIENCE
from netaudience.jobs.spec.guards_section import GUARDS
from netaudience.jobs.spec.model import CONNECTIONS, EVENTS
from netaudience.jobs.spec.notify_section import NOTIFY
from netaudience.jobs.spec.parse import JOB
from netaudience.jobs.spec.quotas_section import QUOTAS
from netaudience.jobs.spec.results_section import RESULTS
from netaudience.jobs.spec.runs_section import RUNS
from netaudience.jobs.spec.source_section import SOURCE
from netaudience.jobs.spec.step_section import MODES, STEP
from netaudience.jobs.spec.suppression_section import SUPPRESSION
from netaudience.jobs.spec.verb_section import VERB, VERB_MODES
from netaudience.model.verb_facts import CHANNELS, Verb
from netaudience.model.wire import JsonValue
from netaudience.vendors import clients

_TEXT: JsonValue = {"type": "string", "minLength": 1}
_TEXTS: JsonValue = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]}
_FLAG: JsonValue = {"type": "boolean"}
_COUNT: JsonValue = {"type": "integer", "minimum": 1}
_SECONDS: JsonValue = {"type": "number", "minimum": 0}
_PERCENT: JsonValue = {"type": "string", "pattern": r"^\s*[0-9]{1,3}(\.[0-9]{1,6})?\s*%\s*$"}
_SHARE: JsonValue = {"anyOf": [_PERCENT, {"type": "integer", "minimum": 0}]}
_FUNCTION: JsonValue = {"type": "string", "pattern": "^[^:]+:[^:]+$"}
_SECRET: JsonValue = {
    "type": "object",
    "properties": {"env": _TEXT, "file": _TEXT},
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": False,
}
_ANYTHING: JsonValue = {"type": "object"}

_SOURCE: dict[str, tuple[JsonValue, str]] = {
    "files": (_TEXTS, "One name or several, globs too, relative to the job file; - is standard input."),
    "sql": (_TEXT, "A query, over files that it names, or over files as the table source."),
    "database": (_TEXT, "A DuckDB or SQLite file whose tables the query may name."),
    "connection": (
        {"anyOf": [{"enum": [*CONNECTIONS]}, {"type": "string", "pattern": "^dbapi:"}]},
        "The database that sql is a query to, or any DB-API module as dbapi:MODULE.",
    ),
    "uri": (_SECRET, "Where the database is, password and all: a variable, or a file of its own."),
    "dbt": (
        {
            "type": "object",
            "properties": {"manifest": _TEXT, "model": _TEXT},
            "required": ["manifest", "model"],
            "additionalProperties": False,
        },
        "The model of a dbt project whose table is read, in place of sql, and its manifest.json.",
    ),
    "python": (_FUNCTION, "A function that gives the rows, as module:function."),
    "delta": (_TEXT, "The folder or the URL of a Delta table."),
    "iceberg": (_TEXT, "A table of an Iceberg catalog, as catalog.namespace.table."),
    "incremental": (
        {"anyOf": [_TEXT, {"enum": [True]}]},
        "The column that says when a row has changed, to read what is new; true for a lake's own history.",
    ),
    "overlap": (_SECONDS, "How far before the newest row the next reading begins, for rows that come late."),
    "full_days": (_COUNT, "Days after which all rows are read again; most mirrors need it."),
    "format": ({"enum": [*FORMATS]}, "How the files are written, where their names do not say."),
    "key": (_TEXTS, "The columns that identify a row; changed-only and mirror need it."),
    "delimiter": (_TEXT, "What stands between the cells of a CSV: one sign, or tab."),
    "quote": ({"type": "string", "maxLength": 1}, "What stands around cells; empty where nothing does."),
    "header": (
        {"anyOf": [_FLAG, {"type": "array", "items": _TEXT, "minItems": 1}]},
        "Whether the first line names the columns, or the names.",
    ),
    "skip_lines": (
        {"type": "integer", "minimum": 0},
        "How many lines stand before the header, such as a report's title.",
    ),
    "encoding": (_TEXT, "How text was written, as Python names it; UTF-8 if left out."),
    "nulls": (
        {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
        "What stands in cells of CSV that hold nothing, such as \\N; an empty cell always does.",
    ),
    "trim": (_FLAG, "Whether white space at both ends of a CSV's cells is taken off."),
    "short_rows": (
        {"enum": ["reject", "fill"]},
        "What becomes of a row of CSV with fewer cells than the header.",
    ),
    "sheet": (_TEXT, "The sheet of a workbook; its first one if left out."),
    "typed": ({"anyOf": [_FLAG, _TEXTS]}, "Columns of text that are sent as the values they hold."),
    "time_zone": (_TEXT, "The zone of points in time that name none; UTC if left out."),
    "hive": (_FLAG, "Whether folders such as country=TR are columns."),
}
_STEP: dict[str, tuple[JsonValue, str]] = {
    "name": (_TEXT, "What was delivered is remembered by this name."),
    "vendor": (_TEXT, "The vendor, as in commands."),
    "operation": (_TEXT, "What is done with the rows; netaudience operations lists them."),
    "arguments": (_ANYTHING, "What all requests share, such as a tag."),
    "fields": (
        _ANYTHING,
        "What each field is made of: a column, { sql = … } or { value = … }, perhaps with unset = true.",
    ),
    "where": (_TEXT, "An SQL condition; other rows are left out."),
    "mode": ({"enum": [*MODES]}, "Which rows are sent, and whether effects are taken back."),
    "removal": (_TEXT, "The operation that takes back, for a mirror."),
    "removal_arguments": (_ANYTHING, "What all requests of the removal share."),
    "take_back_old": (_FLAG, "Whether what was done by other arguments is taken back too."),
    "duplicates": ({"enum": ["all", "last"]}, "Which of several rows of one user are sent."),
    "suppressed": ({"enum": ["hold-back", "send"]}, "Whether rows of people on the list are sent."),
    "channels": (_TEXTS, "Only whoever has opted out of one of these is held back."),
    "verify": (_PERCENT, "The share of the delivered rows that are read back when the run has ended."),
    "rate": ({"type": "number"}, "Requests per second, in place of the operation's own figure."),
    "in_flight": (_COUNT, "Requests at one time."),
    "max_rows": (_COUNT, "Rows per request."),
}
_SUPPRESSION: dict[str, tuple[JsonValue, str]] = {
    "files": ({"anyOf": [_TEXT, _TEXTS]}, "The list of people to whom nothing is sent."),
    "match": (_ANYTHING, "By column of the source the column of the list."),
    "channel": (_TEXT, "The column of the list that names a channel; without one it is of all."),
    "ask": (_TEXTS, "Vendors that are asked for opt-outs of their own before each run, as in commands."),
    "channels": (_TEXTS, "The channels of which they are asked; all, if left out."),
    "columns": (_ANYTHING, "The columns of id, email, phone, and VENDOR_id by which they know people."),
}
_AUDIENCE: dict[str, tuple[JsonValue, str]] = {
    "name": (_TEXT, "What the audience is called at all vendors."),
    "vendors": (_TEXTS, "The vendors at which it is kept the same, as in commands."),
    "columns": (_ANYTHING, "The columns of id, email, phone, and VENDOR_id and VENDOR_device of one vendor."),
    "at": (_ANYTHING, "By vendor another name, or the number of a list or group that is there."),
    "channels": (_TEXTS, "Only whoever has opted out of one of these is held back."),
    "lists": (_ANYTHING, "By vendor what it needs for a list that is replaced as a whole besides."),
    "by": (_ANYTHING, "By vendor the identity that people are known by, where it is not the first."),
}
_VERB: dict[str, tuple[JsonValue, str]] = {
    "verb": (
        {"enum": [verb for verb in get_args(Verb) if verb != "unsuppress"]},
        "What is to become of the people.",
    ),
    "vendors": (_TEXTS, "The vendors at which it is done, as in commands."),
    "channels": (
        {"anyOf": [{"enum": [*CHANNELS]}, {"type": "array", "items": {"enum": [*CHANNELS]}, "minItems": 1}]},
        "The channels that people are opted out of.",
    ),
    "audience": (_TEXT, "The audience that people join or leave."),
    "attributes": (
        {"anyOf": [_TEXTS, _ANYTHING]},
        "The columns that are set, by name or as NAME = COLUMN; or the names that are taken away.",
    ),
    "columns": (_ANYTHING, "The columns of id, email, phone, and VENDOR_id and VENDOR_device of one vendor."),
    "at": (_ANYTHING, "The number of a list, a group or a channel, by VENDOR or VENDOR:CHANNEL."),
    "where": (_TEXT, "An SQL condition; other rows are left out."),
    "mode": (
        {"enum": [*VERB_MODES]},
        "Which rows are sent: all, or those that differ from before.",
    ),
}
_GUARDS: dict[str, tuple[JsonValue, str]] = {
    "allow_empty": (_FLAG, "Whether an empty source is no error."),
    "max_removals": (_SHARE, "The run stops where more rows would be taken back."),
    "max_rejected": (_SHARE, "The run stops where more rows are wrong."),
    "max_different": (_SHARE, "A canary stops where more rows are something else when they are read back."),
    "accept_rejected": (_SHARE, "Up to this many rejected rows are no failure."),
    "max_deviation": (_PERCENT, "How far the number of rows may be from that of the last runs."),
    "odd_identifiers": (
        {"enum": ["reject", "send"]},
        "What becomes of identifiers that can hardly be meant.",
    ),
    "preflight": (_FLAG, "Whether names and types are held to what the vendor shows of its schema."),
}
_QUOTAS: dict[str, tuple[JsonValue, str]] = {
    "where": (_TEXT, "A file of this machine, a URL without a password, or env:NAME for a variable."),
    "account": (_TEXT, "A name for the accounts, in place of their keys."),
    "lease": ({"type": "number", "minimum": 0.5}, "Seconds after which what a process holds is free again."),
    "when_lost": ({"enum": ["wait", "share"]}, "What is done while the store cannot be reached."),
    "share": ({"type": "number", "minimum": 0, "maximum": 1}, "The share of the limits for then."),
}
_RESULTS: dict[str, tuple[JsonValue, str]] = {
    "connection": (
        {"anyOf": [{"enum": ["postgresql"]}, {"type": "string", "pattern": "^dbapi:"}]},
        "A database that takes the tables too; Parquet in the run's folder alone if left out.",
    ),
    "uri": (_SECRET, "Where it is, password and all: a variable, or a file of its own."),
    "tables": (_TEXT, "How the tables' names begin, such as ops.netaudience_."),
}
_NOTIFY: dict[str, tuple[JsonValue, str]] = {
    "webhook": (_SECRET, "Where an alert is sent: a variable, or a file of its own."),
    "format": ({"enum": ["slack", "json"]}, "A text alone, or the facts as well."),
    "on": (
        {"anyOf": [{"enum": [*EVENTS]}, {"type": "array", "items": {"enum": [*EVENTS]}, "minItems": 1}]},
        "What alerts are about; all of it if left out.",
    ),
    "new_rejects": (_SHARE, "Up to this many newly rejected rows are no alert; none if left out."),
    "healthcheck": (_SECRET, "What is asked at the beginning and the end of every run."),
    "on_end": (_FUNCTION, "A function that is called with how a run ended, as module:function."),
}
_RUNS: dict[str, tuple[JsonValue, str]] = {
    "folder": (
        _TEXT,
        "Where runs are kept: a path, or s3://bucket/folder; .netaudience/NAME beside the job if left out.",
    ),
    "keep": (_COUNT, "How many runs are kept."),
    "keep_days": (_COUNT, "For how many days runs are kept."),
    "patience": (_SECONDS, "Seconds for which a vendor that does not answer is asked again."),
    "lease": (
        {"type": "number", "minimum": 3},
        "Seconds after which a machine that is not heard of in the object store has lost the job.",
    ),
}


def job_schema() -> dict[str, JsonValue]:
    """Return the schema of a job file, with the operations of all vendors."""
    operations = {client.slug: sorted(_spelt(client.operations())) for client in clients()}
    every = sorted({name for names in operations.values() for name in names})
    keys = {
        **_STEP,
        # Said by themselves as well: an editor then underlines the word, not the step.
        "vendor": ({"enum": [*operations]}, _STEP["vendor"][1]),
        "operation": ({"enum": every}, _STEP["operation"][1]),
    }
    step = _table(keys, STEP, required=("vendor", "operation", "fields"))
    step["anyOf"] = [
        {"properties": {"vendor": {"enum": [vendor]}, "operation": {"enum": names}}}
        for vendor, names in operations.items()
    ]
    verb = _table(_VERB, VERB, required=("verb", "vendors", "columns"))
    tables: dict[str, tuple[JsonValue, str]] = {
        "name": (_TEXT, "The file's own name if left out."),
        "source": (_table(_SOURCE, SOURCE), "Where the rows come from."),
        "suppression": (_table(_SUPPRESSION, SUPPRESSION), "People to whom nothing is sent."),
        "audience": (_table(_AUDIENCE, AUDIENCE), "People who are one audience at several vendors."),
        "verb": (
            _one_or_several(verb),
            "What is to become of the people at several vendors.",
        ),
        "step": (
            _one_or_several(step),
            "What is done with the rows; one or several.",
        ),
        "guards": (_table(_GUARDS, GUARDS), "What stops a run before it does harm."),
        "quotas": (_table(_QUOTAS, QUOTAS), "Where limits are shared with other processes."),
        "results": (_table(_RESULTS, RESULTS), "The tables that a run becomes."),
        "notify": (_table(_NOTIFY, NOTIFY), "Who is notified how a run ended."),
        "runs": (_table(_RUNS, RUNS), "Where runs are kept, and for how long."),
    }
    return {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "title": "A job of netaudience",
        **_table(tables, JOB, required=("source",)),
        "anyOf": [{"required": ["step"]}, {"required": ["audience"]}, {"required": ["verb"]}],
    }


def _table(
    keys: Mapping[str, tuple[JsonValue, str]], known: tuple[str, ...], *, required: tuple[str, ...] = ()
) -> dict[str, JsonValue]:
    """Return the schema of a table, whose names may be written with dashes or underscores."""
    made: dict[str, JsonValue] = {}
    for name in known:
        form, meaning = keys[name]
        described: JsonValue = {**form, "description": meaning} if isinstance(form, Mapping) else form
        made |= dict.fromkeys(_spelt([name]), described)
    table: dict[str, JsonValue] = {"type": "object", "properties": made, "additionalProperties": False}
    if required:
        table["required"] = [*required]
    return table


def _one_or_several(table: dict[str, JsonValue]) -> JsonValue:
    """Return the schema of a table or a list of such: not by anyOf, which says nothing of what is wrong."""
    return {**table, "type": ["array", "object"], "items": table, "minItems": 1}


def _spelt(names: Iterable[str]) -> set[str]:
    """Return names in both spellings."""
    return {spelling for name in names for spelling in (name, name.replace("_", "-"))}

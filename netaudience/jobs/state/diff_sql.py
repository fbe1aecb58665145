"""What a snapshot's transactions do, in SQL: fold what was delivered, and find what differs from it.

A comparison is one join of the source with what is known, by a hash over key and content; whatever is as it
was leaves the join at once, and only what differs is looked at again. A key that stands in many rows counts
with its last.
"""

# ruff: noqa: S608 - nothing in it is anybody else's

from __future__ import annotations

from netaudience.jobs.columns.comparison import Asking

#: The name of a snapshot's file beside a source, and what its tables are called there.
HERE = '"netaudience snapshot"'

SCHEMA = """
CREATE TABLE facts (name VARCHAR PRIMARY KEY, value VARCHAR NOT NULL);
-- By key (a hash of it) what was sent (a hash of key and content; NULL where nobody knows), and its effect:
-- whom it is about, which entries it sets, and by which arguments.
CREATE TABLE state (
    id UHUGEINT NOT NULL, hash UBIGINT, kept VARCHAR, target UHUGEINT, entries VARCHAR[], way INTEGER
);
-- Effects that no row of the source asked for when it was last read, and that are not taken back yet.
CREATE TABLE owed (target UHUGEINT NOT NULL, entry VARCHAR NOT NULL, way INTEGER NOT NULL, kept VARCHAR);
-- Arguments that were used, and what takes back what was done by them.
CREATE TABLE ways (way INTEGER NOT NULL, asked VARCHAR NOT NULL, removal VARCHAR, arguments VARCHAR);
"""
#: What the staged run has to send, what it has to remove, and what is done of both.
RUN = """
CREATE OR REPLACE TABLE pending (
    "row" BIGINT, known BIGINT, hash UBIGINT, id UHUGEINT, problem VARCHAR, nothing BOOLEAN,
    -- The row further down in which its key stands again, with other values.
    again BIGINT, "check" UBIGINT, kept VARCHAR, target UHUGEINT, entries VARCHAR[]
);
CREATE OR REPLACE TABLE removals (
    "row" BIGINT NOT NULL, target UHUGEINT NOT NULL, kept VARCHAR, entries VARCHAR[], way INTEGER NOT NULL
);
CREATE OR REPLACE TABLE done (first BIGINT NOT NULL, stop BIGINT NOT NULL, kind UTINYINT NOT NULL);
"""

#: What became of the staged run's keys becomes part of what is known: `RANGES`, what was settled, and `FOLD`.
RANGES = """
-- What was written down as ranges that neither touch nor overlap.
CREATE OR REPLACE TEMP TABLE ranges AS
SELECT kind, min(first) AS first, max(stop) AS stop
FROM (
    SELECT *, sum(apart) OVER (PARTITION BY kind ORDER BY first, stop ROWS UNBOUNDED PRECEDING) AS island
    FROM (
        SELECT *, coalesce(first > max(stop) OVER (
            PARTITION BY kind ORDER BY first, stop ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), true)::INTEGER AS apart
        FROM done
    )
)
GROUP BY kind, island;
"""
#: Where all that was delivered is one range, as after a run without an incident, nothing has to be sorted.
SETTLED = """
CREATE OR REPLACE TEMP VIEW settled AS
SELECT id, hash, kept, target, entries, (SELECT value::INTEGER FROM facts WHERE name = 'way') AS way
FROM pending
WHERE problem IS NULL AND "row" >= (SELECT first FROM ranges WHERE kind = 0)
    AND "row" < (SELECT stop FROM ranges WHERE kind = 0)
"""
SETTLED_IN_PARTS = """
CREATE OR REPLACE TEMP VIEW settled AS
SELECT id, CASE WHEN delivered THEN hash END AS hash, kept, target, entries,
    (SELECT value::INTEGER FROM facts WHERE name = 'way') AS way
FROM (
    SELECT pending.*,
        coalesce("row" < taken.stop, false) AS delivered, coalesce("row" < doubtful.stop, false) AS doubtful
    FROM pending
    ASOF LEFT JOIN (SELECT * FROM ranges WHERE kind = 0) AS taken ON pending."row" >= taken.first
    ASOF LEFT JOIN (SELECT * FROM ranges WHERE kind = 2) AS doubtful ON pending."row" >= doubtful.first
    WHERE problem IS NULL
)
WHERE delivered OR doubtful
"""
FOLD = """
CREATE OR REPLACE TEMP TABLE replaced AS
SELECT before.rowid AS place, before.target, before.way, before.kept, CASE
    WHEN before.target = settled.target AND before.way = settled.way
    THEN [entry FOR entry IN before.entries IF NOT list_contains(settled.entries, entry)]
    ELSE before.entries
END AS entries
FROM state AS before JOIN settled USING (id);

CREATE OR REPLACE TEMP TABLE gone AS
SELECT target, way, entries FROM removals
ASOF JOIN (SELECT * FROM ranges WHERE kind = 1) AS taken ON removals."row" >= taken.first
WHERE removals."row" < taken.stop;

INSERT INTO owed SELECT target, unnest(entries), way, kept FROM replaced WHERE kept IS NOT NULL;
DELETE FROM state WHERE rowid IN (SELECT place FROM replaced);
DELETE FROM owed USING gone
WHERE owed.target = gone.target AND owed.way = gone.way AND list_contains(gone.entries, owed.entry);
-- Of a row that was not delivered: what was taken back is not there any more.
UPDATE state SET hash = NULL, entries = [e FOR e IN state.entries IF NOT list_contains(gone.entries, e)]
FROM gone
WHERE state.target = gone.target AND state.way = gone.way AND list_has_any(state.entries, gone.entries);
DELETE FROM state WHERE hash IS NULL AND entries = [];
INSERT INTO state SELECT * FROM settled;
DELETE FROM facts WHERE name IN ('run', 'about', 'counts', 'way', 'open');
DROP VIEW settled;
DROP TABLE ranges;
DROP TABLE replaced;
DROP TABLE gone;
"""


def compare(asking: Asking, *, whole: bool) -> str:
    """Return the SQL that stages what differs, as a query of a source beside the snapshot's file.

    Args:
        asking: The rows.
        whole: Whether they are all there are, so that what is known and not among them is gone.
    """
    outer = asking.outer
    return f"""
INSERT INTO {HERE}.main.pending
SELECT {asking.row}, known, {asking.hash}, {outer["id"]}, {outer["problem"]}, {outer["nothing"]},
    NULL, {outer["check"]}, {outer["kept"]}, {outer["target"]}, {outer["entries"]}
FROM (
    SELECT source.*, state.rowid AS known
    FROM ({asking.inner}) AS source
    {"FULL" if whole else "LEFT"} JOIN {HERE}.main.state AS state ON {asking.hash} = state.hash
    WHERE {asking.row} IS NULL OR state.rowid IS NULL
);
"""


#: The keys of rows that have left a source of which no more than the changes were read.
LEFT = "CREATE OR REPLACE TEMP TABLE departed (id UHUGEINT)"
LEAVE = "INSERT INTO departed SELECT md5_number(key) FROM (SELECT unnest(?::VARCHAR[]) AS key)"


def gone(asking: Asking) -> str:
    """Return the SQL that finds what is known of those keys and does not stand in the rows that were read."""
    return f"""
INSERT INTO {HERE}.main.pending ("row", known)
SELECT NULL, state.rowid FROM {HERE}.main.state AS state SEMI JOIN departed ON state.id = departed.id
ANTI JOIN (SELECT {asking.hash} AS hash FROM ({asking.inner})) AS found ON state.hash = found.hash;
DROP TABLE departed;
"""


#: What is known and was not found in the source as it is; whether a key of it is there all the same.
DUPLICATES = f"""
CREATE OR REPLACE TEMP TABLE lost AS SELECT known AS place FROM {HERE}.main.pending WHERE "row" IS NULL;
DELETE FROM {HERE}.main.pending WHERE "row" IS NULL;
-- Rows whose hash nobody knows are never found.
UPDATE {HERE}.main.pending SET known = state.rowid
FROM {HERE}.main.state AS state WHERE state.id = pending.id;

CREATE OR REPLACE TEMP TABLE twice AS
SELECT DISTINCT id, known FROM {HERE}.main.pending ANTI JOIN lost ON known = place
WHERE known IS NOT NULL AND problem IS NULL;

CREATE OR REPLACE TEMP TABLE unchanged (id UHUGEINT, "row" BIGINT, hash UBIGINT);
"""


def earlier(asking: Asking) -> str:
    """Return the SQL that finds the rows that are as they were and whose keys stand in other rows as well."""
    return f"""
INSERT INTO unchanged
SELECT id, max("row"), hash FROM (
    SELECT {asking.outer["id"]} AS id, {asking.row} AS "row", {asking.hash} AS hash FROM ({asking.inner})
    WHERE {asking.hash} IN (SELECT hash FROM {HERE}.main.state WHERE rowid IN (SELECT known FROM twice))
)
GROUP BY id, hash;
"""


#: The last row of a key counts; what is like it is not sent, and what is not is reported.
LATEST = f"""
CREATE OR REPLACE TEMP TABLE latest AS
WITH found AS NOT MATERIALIZED (
    SELECT id, "row", hash FROM {HERE}.main.pending WHERE problem IS NULL
    UNION ALL
    SELECT id, "row", hash FROM unchanged
)
SELECT id, max("row") AS "row", arg_max(hash, "row") AS hash
FROM found
-- There are few, if any: to look for them first takes half the time and memory (J2).
WHERE id IN (SELECT id FROM found GROUP BY id HAVING count(*) > 1)
GROUP BY id;

DELETE FROM {HERE}.main.pending USING latest
WHERE pending.id = latest.id AND pending."row" < latest."row" AND pending.hash = latest.hash;
UPDATE {HERE}.main.pending
SET again = latest."row",
    -- Without a number, so that all of them are counted as one reason.
    problem = 'its key stands again further down with other values: the last row counts'
FROM latest
WHERE pending.id = latest.id AND pending."row" < latest."row" AND problem IS NULL;
INSERT INTO lost
SELECT twice.known FROM twice JOIN latest USING (id) ANTI JOIN unchanged USING (id, hash);

CREATE OR REPLACE TEMP TABLE empty AS
SELECT id FROM {HERE}.main.pending WHERE nothing AND problem IS NULL;
DELETE FROM {HERE}.main.pending WHERE nothing AND problem IS NULL;
DROP TABLE latest;
DROP TABLE twice;
DROP TABLE unchanged;
"""

#: What became of keys that an earlier run has staged: they are numbered as it has read them.
RECALL = """
INSERT INTO done
SELECT "row", "row" + 1, kind
FROM (SELECT unnest($keys::VARCHAR[]) AS key, unnest($kinds::INTEGER[]) AS kind) AS made
JOIN pending ON pending.id = md5_number(made.key)
WHERE problem IS NULL
"""

#: Of some rows, how many were counted as what, and that they are not sent.
PASSED = """
SELECT CASE WHEN problem IS NOT NULL THEN 'rejected' WHEN known IS NULL THEN 'added' ELSE 'changed' END,
    count(*)
FROM pending SEMI JOIN (SELECT unnest(?::BIGINT[]) AS "row") USING ("row") GROUP BY ALL
"""
LEAVE_OUT = 'DELETE FROM pending WHERE "row" IN (SELECT unnest(?::BIGINT[]))'

#: Lines that are no rows of the source.
ASIDE = f'INSERT INTO {HERE}.main.pending ("row", problem) SELECT unnest(?), unnest(?)'

COUNT = f"""
SELECT
    count(*) FILTER (WHERE problem IS NULL AND known IS NULL),
    count(*) FILTER (WHERE problem IS NULL AND known IS NOT NULL),
    count(*) FILTER (WHERE problem IS NOT NULL),
    (SELECT count(*) FROM empty),
    (SELECT count(*) FROM {HERE}.main.state) + (SELECT count(DISTINCT target) FROM {HERE}.main.owed),
    coalesce(bool_or(id IS NULL), false)
FROM {HERE}.main.pending
"""

#: Tables of the comparison that are there whatever the source has.
EMPTY = """
CREATE OR REPLACE TEMP TABLE empty (id UHUGEINT);
CREATE OR REPLACE TEMP TABLE lost (place BIGINT);
"""

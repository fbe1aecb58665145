"""What a snapshot's transactions do, in SQL: fold what was delivered, compare, find what is gone.

Sorts and joins go to disk where they do not fit into memory, so that a hundred million keys do. A key that
stands in many rows counts with its last.
"""

# ruff: noqa: S608 - nothing in it is anybody else's

from __future__ import annotations

__all__ = ["BORROW", "COMPARE", "COUNT", "FOLD", "GIVE_BACK", "OUTDATED", "RECALL", "REMOVE", "RUN", "SCHEMA"]

SCHEMA = """
CREATE TABLE facts (name VARCHAR PRIMARY KEY, value VARCHAR NOT NULL);
CREATE TABLE state (key VARCHAR NOT NULL, hash UBIGINT, kept VARCHAR);
"""
#: What the staged run has to send, what it has to remove, and what is done of both.
RUN = """
CREATE OR REPLACE TABLE pending (
    "row" BIGINT NOT NULL, key VARCHAR, hash UBIGINT, kept VARCHAR, known BOOLEAN, problem VARCHAR
);
CREATE OR REPLACE TABLE removals ("row" BIGINT NOT NULL, key VARCHAR NOT NULL, kept VARCHAR);
CREATE OR REPLACE TABLE done (first BIGINT NOT NULL, stop BIGINT NOT NULL, kind UTINYINT NOT NULL);
"""

#: What became of the staged run's keys, in temporary tables; `of` says in which database it was staged.
_SETTLE = """
-- What was written down as ranges that neither touch nor overlap.
CREATE OR REPLACE TEMP TABLE ranges AS
SELECT kind, min(first) AS first, max(stop) AS stop
FROM (
    SELECT *, sum(apart) OVER (PARTITION BY kind ORDER BY first, stop ROWS UNBOUNDED PRECEDING) AS island
    FROM (
        SELECT *, coalesce(first > max(stop) OVER (
            PARTITION BY kind ORDER BY first, stop ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), true)::INTEGER AS apart
        FROM {of}done
    )
)
GROUP BY kind, island;

CREATE OR REPLACE TEMP TABLE settled AS
SELECT key, CASE WHEN delivered THEN hash END AS hash, kept
FROM (
    SELECT pending.*,
        coalesce("row" < taken.stop, false) AS delivered, coalesce("row" < doubtful.stop, false) AS doubtful
    FROM {of}pending AS pending
    ASOF LEFT JOIN (SELECT * FROM ranges WHERE kind = 0) AS taken ON pending."row" >= taken.first
    ASOF LEFT JOIN (SELECT * FROM ranges WHERE kind = 2) AS doubtful ON pending."row" >= doubtful.first
    WHERE problem IS NULL
)
WHERE delivered OR doubtful;

CREATE OR REPLACE TEMP TABLE touched AS
SELECT key FROM settled
UNION ALL
SELECT key FROM {of}removals AS removals
ASOF JOIN (SELECT * FROM ranges WHERE kind = 1) AS gone ON removals."row" >= gone.first
WHERE removals."row" < gone.stop;
DROP TABLE ranges;
"""
FOLD = (
    _SETTLE.format(of="")
    + """
DELETE FROM state WHERE key IN (SELECT key FROM touched);
INSERT INTO state SELECT key, hash, kept FROM settled;
DELETE FROM facts WHERE name IN ('run', 'about', 'counts');
DROP TABLE settled;
DROP TABLE touched;
"""
)
#: The same as a view over another file, attached as `known`, which stays as it is.
BORROW = (
    _SETTLE.format(of="known.main.")
    + """
DROP TABLE IF EXISTS main.state;
CREATE OR REPLACE TEMP VIEW state AS
SELECT key, hash, kept FROM known.main.state ANTI JOIN touched USING (key)
UNION ALL
SELECT key, hash, kept FROM settled;
"""
)
GIVE_BACK = """
DROP VIEW IF EXISTS temp.state;
DROP TABLE IF EXISTS temp.settled;
DROP TABLE IF EXISTS temp.touched;
DETACH known;
"""

#: How it begins what is said of a row whose key stands again further down.
OUTDATED = "its key stands again in row"

COMPARE = f"""
CREATE OR REPLACE TEMP TABLE differing AS
SELECT staged.*, state.key IS NOT NULL AS known
FROM staged LEFT JOIN state USING (key)
WHERE problem IS NULL AND staged.key IS NOT NULL
    AND (state.key IS NULL OR state.hash IS DISTINCT FROM staged.hash);

-- A key that stands in several rows: the last one counts.
CREATE OR REPLACE TEMP TABLE latest AS
SELECT key, max("row") AS "row", arg_max(hash, "row") AS hash
FROM staged
WHERE problem IS NULL AND key IN (SELECT key FROM differing)
GROUP BY key
HAVING count(*) > 1;

INSERT INTO pending
SELECT "row", key, hash, kept, known, problem
FROM (
    SELECT differing."row", key, differing.hash, kept, known,
        CASE WHEN latest."row" > differing."row"
            THEN '{OUTDATED} ' || latest."row" || ' with other values: the last row counts'
        END AS problem
    FROM differing LEFT JOIN latest USING (key)
    WHERE latest."row" IS NULL OR latest."row" = differing."row" OR latest.hash != differing.hash
    UNION ALL
    SELECT "row", key, NULL, NULL, false, coalesce(problem, 'its key is empty')
    FROM staged
    WHERE problem IS NOT NULL OR key IS NULL
)
ORDER BY "row";
DROP TABLE differing;
DROP TABLE latest;
"""

REMOVE = """
INSERT INTO removals
SELECT row_number() OVER (), key, kept
FROM state ANTI JOIN (SELECT key FROM staged WHERE key IS NOT NULL) USING (key)
"""

#: What became of keys that an earlier run has staged: they are numbered as it has read them.
RECALL = """
INSERT INTO done
SELECT "row", "row" + 1, kind FROM made JOIN pending USING (key) WHERE problem IS NULL
"""

COUNT = """
SELECT
    count(*) FILTER (WHERE problem IS NULL AND NOT known),
    count(*) FILTER (WHERE problem IS NULL AND known),
    (SELECT count(*) FROM staged) - count(*),
    count(*) FILTER (WHERE problem IS NOT NULL),
    (SELECT count(*) FROM removals)
FROM pending
"""

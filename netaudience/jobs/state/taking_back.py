"""What a mirror takes back, in SQL: effects that are remembered, and that no row of the source asks for.

An effect is a user with an entry (or as a whole) under what takes it back. A row that cannot be read keeps
what its key has asked for before.
"""

# ruff: noqa: S608 - nothing in it is anybody else's

from __future__ import annotations

from netaudience.jobs.state.diff_sql import HERE

#: The number of the arguments that are used now, and what takes back what is done by them now.
_NEXT = f"""
INSERT INTO {HERE}.main.ways SELECT coalesce(max(way), 0) + 1, $asked, NULL, NULL
FROM {HERE}.main.ways HAVING coalesce(bool_or(asked = $asked), false) = false
"""
_NOW = f"UPDATE {HERE}.main.ways SET removal = $removal, arguments = $arguments WHERE asked = $asked"
_FACT = f"""
INSERT OR REPLACE INTO {HERE}.main.facts
SELECT 'way', way::VARCHAR FROM {HERE}.main.ways WHERE asked = $asked
"""
#: The statements, each with what it is told.
WAY = ((_NEXT, ("asked",)), (_NOW, ("asked", "removal", "arguments")), (_FACT, ("asked",)))

#: Who is gone and what is not asked for; the arguments of now are those of the way in the facts.
REMOVE = f"""
CREATE OR REPLACE TEMP TABLE unread AS
SELECT DISTINCT id FROM {HERE}.main.pending
WHERE id IS NOT NULL AND again IS NULL AND (problem IS NOT NULL OR kept IS NULL);

-- Keys that are in the source no more, or have nothing to send.
CREATE OR REPLACE TEMP TABLE gone AS
SELECT state.rowid AS place, target, entries, way, kept
FROM {HERE}.main.state AS state SEMI JOIN lost ON state.rowid = lost.place
ANTI JOIN {HERE}.main.pending AS pending ON state.id = pending.id
WHERE kept IS NOT NULL;

CREATE OR REPLACE TEMP TABLE candidate AS
SELECT target, unnest(entries) AS entry, way, kept
FROM {HERE}.main.state AS state SEMI JOIN lost ON state.rowid = lost.place ANTI JOIN unread USING (id)
WHERE kept IS NOT NULL
UNION ALL
SELECT target, entry, way, kept FROM {HERE}.main.owed;

CREATE OR REPLACE TEMP TABLE asked AS
SELECT target, unnest(entries) AS entry, way
FROM (
    SELECT target, entries, value::INTEGER AS way
    FROM {HERE}.main.pending CROSS JOIN (SELECT value FROM {HERE}.main.facts WHERE name = 'way')
    WHERE problem IS NULL AND kept IS NOT NULL
    UNION ALL
    SELECT target, entries, way FROM {HERE}.main.state SEMI JOIN unread USING (id)
    UNION ALL
    SELECT target, entries, way FROM {HERE}.main.state AS state ANTI JOIN lost ON state.rowid = lost.place
) SEMI JOIN candidate USING (target);

INSERT INTO {HERE}.main.removals
SELECT row_number() OVER (ORDER BY way, any_value(kept)), target, any_value(kept), list(DISTINCT entry), way
FROM (
    SELECT candidate.*, coalesce(ways.arguments, '') AS back
    FROM candidate JOIN {HERE}.main.ways AS ways USING (way)
) ANTI JOIN (
    SELECT asked.*, coalesce(ways.arguments, '') AS back
    FROM asked JOIN {HERE}.main.ways AS ways USING (way)
) AS asked USING (target, entry, back)
GROUP BY target, way;
DROP TABLE candidate;
DROP TABLE asked;
DROP TABLE unread;
"""

_FORGET = f"""
INSERT INTO {HERE}.main.owed SELECT target, unnest(entries), way, kept FROM others;
DELETE FROM {HERE}.main.state WHERE rowid IN (SELECT place FROM others);
DROP TABLE others;
"""
#: A key that is gone and of which nothing is to be taken back, for other rows ask for the same, is known no
#: more; should these rows fail, its effect is remembered. Other keys are known until theirs is taken back.
FORGET = f"""
CREATE OR REPLACE TEMP TABLE others AS
SELECT gone.* FROM gone ANTI JOIN {HERE}.main.removals AS removals ON gone.target = removals.target;
{_FORGET}"""
#: Changes tell once that a key is gone: what is not taken back by this run is remembered for the next.
FORGET_ALL = f"""
CREATE OR REPLACE TEMP TABLE others AS SELECT * FROM gone;
{_FORGET}"""

#: What was done by other arguments, and would be taken back by other ones than now's.
OLD = f"""
SELECT way, ways.asked, ways.removal, ways.arguments, count(*)
FROM {HERE}.main.removals JOIN {HERE}.main.ways AS ways USING (way)
WHERE ways.arguments != $arguments
GROUP BY ALL ORDER BY way
"""

#: Removals by the arguments of now, or by older ones.
READ = """
SELECT "row", kept, entries
FROM removals JOIN ways USING (way)
WHERE CASE WHEN $way::INTEGER IS NULL
    THEN arguments = (
        SELECT arguments FROM ways WHERE way = (SELECT value::INTEGER FROM facts WHERE name = 'way')
    )
    ELSE way = $way::INTEGER
END
ORDER BY "row"
"""

"""A source that is written anew while a run reads it: what is remembered as delivered is what was sent."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from job_runs import FIRE, SET, applied, counts, make_job, run

from netaudience.errors import SourceFailed
from netaudience.jobs.columns.effects import Effect
from netaudience.jobs.extract.table import open_source
from netaudience.jobs.spec.model import Expression, Source, Step
from netaudience.jobs.state.snapshot import Snapshot
from netaudience.sandbox import Sandbox
from netaudience.sandbox.ledger import Ledger

pytest.importorskip("duckdb")

FILES, ROWS = 4, 6000


class AtRequest(Ledger):
    """A ledger that does something when a request comes in, once."""

    def __init__(self, at: int, act: Callable[[], object]) -> None:
        super().__init__(None)
        self._at = at
        self._act = act

    def number(self) -> int:
        if (number := super().number()) == self._at:
            self._act()
        return number


def write(path: Path, rows: list[str], *, as_before: bool = False) -> None:
    """Write a file of the export, in its place where it is there; as before: its state does not tell."""
    state = path.stat() if as_before else None
    path.write_text("\n".join(["user_id,age,note", *rows, ""]))
    if state is not None:
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


@pytest.mark.parametrize("as_before", [False, True], ids=["seen by its time", "of the same size and time"])
@pytest.mark.parametrize(
    "step", [SET, pytest.param(FIRE, marks=pytest.mark.slow)], ids=lambda step: step.name
)
@pytest.mark.asyncio
async def test_no_row_is_known_that_was_not_sent(tmp_path: Path, step: Step, *, as_before: bool) -> None:
    # So wide that DuckDB does not hold all of it when the first rows are sent.
    wide = "x" * 300
    export = [[f"id{part}{number:05},{number % 9},{wide}" for number in range(ROWS)] for part in range(FILES)]
    paths = [tmp_path / f"users{part}.csv" for part in range(FILES)]
    for path, rows in zip(paths, export, strict=True):
        write(path, rows)

    def anew() -> None:
        """Write what is still to be read in another order, as an export that nothing orders is."""
        rest = [row for rows in export[1:] for row in rows]
        random.Random(3).shuffle(rest)
        for part, path in enumerate(paths[1:]):
            write(path, rest[part * ROWS : (part + 1) * ROWS], as_before=as_before)

    where = "attributes" if step is FIRE else "profile"
    fields = {**step.fields, f"{where}.note": Expression(sql="note")}
    step = attrs.evolve(step, mode="changed-only", max_rows=500, fields=fields)
    job = attrs.evolve(make_job(tmp_path, step), source=Source(files=("users*.csv",), key=("user_id",)))
    async with Sandbox() as sandbox:
        sandbox.ledger = AtRequest(3, anew)
        first = await run(job, sandbox)
        (told,) = first.steps
        if not as_before or told.stopped is not None:  # else DuckDB had read all of it in time
            assert (first.exit_code, told.stopped_by) == (1, "SourceFailed"), told
        sent = applied(sandbox, "netmera", step.operation)
        assert sent == (told.delivered, told.delivered)
        assert told.delivered >= 500
        second = await run(job, sandbox)
        left = FILES * ROWS - told.delivered
        assert counts(second) == {step.name: (FILES * ROWS, left, 0, 0, 0, 0, told.delivered)}
        assert applied(sandbox, "netmera", step.operation) == (FILES * ROWS, FILES * ROWS)


@pytest.mark.parametrize(
    "anew",
    [
        ["a,1,", "c,3,", "b,2,"],
        ["a,1,", "b,2,", "c,4,"],
        ["a,1,", "b,2,"],
        ["a,1,", "b,2,", "c,3,", "d,4,"],
        ["a,1,", ",2,", "c,3,"],
    ],
    ids=["another order", "another value", "a row less", "a row more", "a key less"],
)
@pytest.mark.parametrize("known", [["a,1,"], []], ids=["some rows", "all rows"])
def test_a_row_that_is_not_as_it_was_compared_ends_the_reading(
    tmp_path: Path, known: list[str], anew: list[str]
) -> None:
    step = attrs.evolve(SET, mode="changed-only")
    path = tmp_path / "users.csv"
    source = Source(files=("users.csv",), key=("user_id",))
    with Snapshot(tmp_path / "set.duckdb") as snapshot:
        for name, rows in (("first", known), ("second", ["a,1,", "b,2,", "c,3,"])):
            write(path, rows)
            with open_source(source, tmp_path) as table:
                found = snapshot.differences(table, step, name, Effect())
                if name == "first":
                    snapshot.commit([row["row"] for page in found.rows() for row in page])
                    continue
                assert len([row for page in found.rows() for row in page]) == 3 - len(known)
                write(path, anew, as_before=True)
                with pytest.raises(
                    SourceFailed, match=r"does not give the rows any more|was changed while it was read"
                ):
                    list(found.rows())


def test_a_field_that_is_another_at_every_reading_is_told(tmp_path: Path) -> None:
    fields = {**SET.fields, "profile.seen": Expression(sql="random()")}
    step = attrs.evolve(SET, mode="changed-only", fields=fields)
    write(tmp_path / "users.csv", ["a,1,"])
    source = Source(files=("users.csv",), key=("user_id",))
    with Snapshot(tmp_path / "set.duckdb") as snapshot, open_source(source, tmp_path) as table:
        found = snapshot.differences(table, step, "first", Effect())
        with pytest.raises(SourceFailed, match=r"now\(\) and random\(\)"):
            list(found.rows())

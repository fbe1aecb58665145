"""A snapshot knows what was delivered: differences, removals, and a process that is killed."""

from __future__ import annotations

import random
import signal
import subprocess
import sys

import attrs
import pytest

from netaudience.errors import ConfigurationError
from netaudience.jobs.columns.effects import Effect
from netaudience.jobs.extract.table import open_data, open_source
from netaudience.jobs.spec.model import Expression, Source, Step
from netaudience.jobs.spec.validate import find_operation, find_vendor
from netaudience.jobs.state.remembered import effect_of
from netaudience.jobs.state.snapshot import Snapshot, selection_of

STEP = Step(
    name="s",
    vendor="netmera",
    operation="set_profile_attributes",
    arguments={},
    fields={"ext_id": Expression(column="id"), "profile.age": Expression(column="age")},
    mode="mirror",
    removal="unset_profile_attributes",
)


@attrs.frozen
class Found:
    """What a run had to do."""

    counts: tuple[int, int, int, int, int, int]
    sent: list[tuple[int, str]]
    removed: list[tuple[str, dict[str, object]]]


@pytest.fixture
def snapshot(tmp_path):
    with Snapshot(tmp_path / "s.duckdb") as opened:
        yield opened


def effect(step):
    """Return how the effect of a step's rows is known, as a run does."""
    vendor = find_vendor(step.vendor)
    if vendor is None:
        return Effect()
    removal = find_operation(vendor, step.removal) if step.mode == "mirror" else None
    return effect_of(step, find_operation(vendor, step.operation), removal)


def table_of(text, tmp_path):
    path = tmp_path / "u.csv"
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
    return open_source(Source(files=("u.csv",), key=("id",)), tmp_path)


def run(snapshot, tmp_path, text, name, *, step=STEP, deliver=lambda _: True, doubt=(), remove=True):
    """Run a step over a CSV, delivering the keys that `deliver` says."""
    with table_of(text, tmp_path) as table:
        found = snapshot.differences(table, step, name, effect(step))
        rows = [row for page in found.rows() for row in page]
        gone = [row for page in found.removals() for row in page]
        fine = [row for row in rows if "problem" not in row]
        snapshot.commit(
            [row["row"] for row in fine if deliver(row["key"]) and row["key"] not in doubt],
            [row["row"] for row in gone] if remove else [],
            [row["row"] for row in fine if row["key"] in doubt],
        )
    counts = (found.added, found.changed, found.unchanged, found.rejected, found.removed, found.held_back)
    assert found.total == sum(counts[:4])
    assert len(rows) == found.added + found.changed + found.rejected
    assert len(gone) == found.removed
    return Found(
        counts, [(row["row"], row["key"]) for row in fine], [(row["key"], row["fields"]) for row in gone]
    )


def test_only_what_changed_since_the_last_delivery_is_sent(snapshot, tmp_path):
    first = run(snapshot, tmp_path, "id,age\n01,1\n02,2\n03,3\n", "a")
    assert first.counts == (3, 0, 0, 0, 0, 0)
    assert first.sent == [(1, "01"), (2, "02"), (3, "03")]
    assert run(snapshot, tmp_path, "id,age\n03,3\n01,1\n02,2\n", "b").counts == (0, 0, 3, 0, 0, 0)
    third = run(snapshot, tmp_path, "id,age\n01,1\n02,5\n04,4\n", "c")
    assert third.counts == (1, 1, 1, 0, 1, 0)
    assert third.sent == [(2, "02"), (3, "04")]
    assert third.removed == [("03", {"ext_id": "03", "profile": ["age"]})]
    assert run(snapshot, tmp_path, "id,age\n01,1\n02,5\n04,4\n", "d").counts == (0, 0, 3, 0, 0, 0)


def test_what_failed_is_sent_again_by_the_next_run(snapshot, tmp_path):
    run(snapshot, tmp_path, "id,age\n1,1\n2,2\n", "a", deliver=lambda key: key == "1")
    again = run(snapshot, tmp_path, "id,age\n1,1\n2,2\n", "b", deliver=lambda _: False)
    assert again.sent == [(2, "2")]
    assert run(snapshot, tmp_path, "id,age\n1,9\n2,2\n", "c", deliver=lambda _: False).counts[:3] == (1, 1, 0)
    assert run(snapshot, tmp_path, "id,age\n1,1\n2,2\n", "d").sent == [(2, "2")]


def test_what_is_in_doubt_is_sent_again_whatever_it_says_then(snapshot, tmp_path):
    run(snapshot, tmp_path, "id,age\n1,1\n", "a")
    run(snapshot, tmp_path, "id,age\n1,2\n2,1\n", "b", doubt=("1", "2"))
    # The vendor may have the 2, so the 1 that was delivered once is not what it has for sure.
    back = run(snapshot, tmp_path, "id,age\n1,1\n2,1\n", "c", deliver=lambda _: False)
    assert back.counts == (0, 2, 0, 0, 0, 0)
    # And a key that may be there is ours to remove.
    assert [key for key, _ in run(snapshot, tmp_path, "id,age\n1,1\n", "d").removed] == ["2"]


def test_a_removal_that_failed_is_made_by_the_next_run(snapshot, tmp_path):
    run(snapshot, tmp_path, "id,age\n1,1\n2,2\n", "a")
    for name in ("b", "c"):
        assert run(snapshot, tmp_path, "id,age\n1,1\n", name, remove=False).counts[4] == 1
    assert run(snapshot, tmp_path, "id,age\n1,1\n", "d").counts[4] == 1
    assert run(snapshot, tmp_path, "id,age\n1,1\n", "e").counts[4] == 0


def test_a_mirror_removes_only_what_this_job_delivered(snapshot, tmp_path):
    run(snapshot, tmp_path, "id,age\n1,1\n2,2\n3,3\n", "a", deliver=lambda key: key != "3")
    gone = run(snapshot, tmp_path, "id,age\n1,1\n", "b")
    assert [key for key, _ in gone.removed] == ["2"], "3 was never delivered"
    back = run(snapshot, tmp_path, "id,age\n1,1\n2,2\n", "c")
    assert back.sent == [(2, "2")], "what was removed and comes back is new"


def test_only_a_mirror_removes(snapshot, tmp_path):
    step = attrs.evolve(STEP, mode="changed-only")
    run(snapshot, tmp_path, "id,age\n1,1\n2,2\n", "a", step=step)
    assert run(snapshot, tmp_path, "id,age\n1,1\n", "b", step=step).counts == (0, 0, 1, 0, 0, 0)


def test_a_row_that_cannot_be_read_holds_the_removals_back(snapshot, tmp_path):
    run(snapshot, tmp_path, "id,age\n1,1\n2,2\n", "a")
    for text in ("id,age\n1,1\n2,2,2\n", "id,age\n1,1\n,2\n"):
        held = run(snapshot, tmp_path, text, text)
        assert held.counts == (0, 0, 1, 1, 0, 1), "the row may be that of 2"
    assert run(snapshot, tmp_path, "id,age\n1,1\n", "c").counts[4] == 1


def test_a_row_that_does_not_map_is_not_gone(snapshot, tmp_path):
    step = attrs.evolve(
        STEP, fields={**STEP.fields, "profile.age": Expression(sql="cast(age AS integer)")}, where="id != 'x'"
    )
    run(snapshot, tmp_path, "id,age\n1,1\n2,2\n", "a", step=step)
    assert run(snapshot, tmp_path, "id,age\n1,1\n2,two\n", "b", step=step).counts[4:] == (0, 0)


def test_what_the_condition_leaves_out_is_gone(snapshot, tmp_path):
    step = attrs.evolve(STEP, where="cast(age AS integer) < 10")
    run(snapshot, tmp_path, "id,age\n1,1\n2,2\n", "a", step=step)
    gone = run(snapshot, tmp_path, "id,age\n1,1\n2,20\n", "b", step=step)
    assert [key for key, _ in gone.removed] == ["2"]


def test_a_key_that_stands_twice_counts_with_its_last_row(snapshot, tmp_path):
    text = "id,age\n1,1\n2,2\n1,3\n2,2\n1,1\n"
    first = run(snapshot, tmp_path, text, "a")
    assert first.counts == (2, 0, 2, 1, 0, 0)
    assert first.sent == [(4, "2"), (5, "1")]
    assert run(snapshot, tmp_path, text, "b").counts == (0, 0, 4, 1, 0, 0)
    with table_of(text, tmp_path) as table:
        found = snapshot.differences(table, STEP, "c", effect(STEP))
        ((page,),) = [list(found.rows())]
        assert [(row["row"], row["problem"]) for row in page] == [
            (3, "its key stands again further down with other values: the last row counts")
        ]


@pytest.mark.parametrize(
    "change",
    [
        {"operation": "push_profile_attributes"},
        {"arguments": {"note": "x"}},
        {"vendor": "other"},
        {"fields": {**STEP.fields, "profile.source": Expression(value="crm")}},
        {"fields": {"ext_id": Expression(column="id"), "profile.years": Expression(column="age")}},
    ],
)
def test_a_changed_mapping_sends_again(snapshot, tmp_path, change):
    run(snapshot, tmp_path, "id,age\n1,1\n2,2\n", "a")
    assert (
        run(snapshot, tmp_path, "id,age\n1,1\n2,2\n", "b", step=attrs.evolve(STEP, **change)).counts[1] == 2
    )


def test_the_same_run_finds_the_same_rows_whatever_was_committed(snapshot, tmp_path):
    run(snapshot, tmp_path, "id,age\n1,1\n2,2\n3,3\n", "a", deliver=lambda key: key == "2")
    resumed = run(snapshot, tmp_path, "id,age\n1,1\n2,2\n3,3\n", "a", deliver=lambda key: key == "3")
    assert resumed.sent == [(1, "1"), (2, "2"), (3, "3")]
    assert run(snapshot, tmp_path, "id,age\n1,1\n2,2\n3,3\n", "b").sent == [(1, "1")]


def test_another_source_is_refused_to_a_run_that_goes_on(snapshot, tmp_path):
    run(snapshot, tmp_path, "id,age\n1,1\n", "a")
    with pytest.raises(ConfigurationError, match="changed since run a began"):
        run(snapshot, tmp_path, "id,age\n1,1\n2,2\n", "a")
    with pytest.raises(ConfigurationError, match="changed since run a began"):
        run(snapshot, tmp_path, "id,age\n1,1\n", "a", step=attrs.evolve(STEP, where="true"))


def test_numbers_are_committed_in_any_order_and_as_often_as_one_likes(snapshot, tmp_path):
    text = "id,age\n" + "".join(f"{number},1\n" for number in range(1, 101))
    with table_of(text, tmp_path) as table:
        snapshot.differences(table, STEP, "a", effect(STEP))
    chance = random.Random(7)
    numbers = [number for number in range(1, 101) if number % 10]
    for _ in range(3):
        chance.shuffle(numbers)
        for start in range(0, len(numbers), 7):
            snapshot.commit(numbers[start : start + 7])
    snapshot.commit(range(1, 20))
    snapshot.commit()
    left = run(snapshot, tmp_path, text, "b").sent
    assert [number for number, _ in left] == [20, 30, 40, 50, 60, 70, 80, 90, 100]


def test_keys_of_many_columns_do_not_run_together(snapshot):
    step = attrs.evolve(STEP, fields={"ext_id": Expression(column="a")})
    rows = [{"a": "1", "b": "23"}, {"a": "12", "b": "3"}, {"a": '1","', "b": "x"}, {"a": "1", "b": None}]
    with open_data(rows, key=["a", "b"]) as table:
        found = snapshot.differences(table, step, "a", effect(step))
        assert (found.added, found.rejected) == (3, 1)
        ((page,),) = [list(found.rows())]
        assert [row["key"] for row in page] == ['["1","23"]', '["12","3"]', '["1\\",\\"","x"]', ""]
        assert page[-1]["problem"] == "its key is empty"


def test_a_source_without_a_key_is_refused(snapshot, tmp_path):
    (tmp_path / "u.csv").write_text("id,age\n1,1\n")
    with (
        open_source(Source(files=("u.csv",)), tmp_path) as table,
        pytest.raises(ConfigurationError, match="needs a key"),
    ):
        snapshot.differences(table, STEP, "a", effect(STEP))


def test_differences_are_read_beside_other_steps(snapshot, tmp_path):
    run(snapshot, tmp_path, "id,age\n1,1\n2,2\n", "a")
    with table_of("id,age\n1,1\n2,3\n", tmp_path) as table:
        found = snapshot.differences(table, STEP, "b", effect(STEP))
        ((some, every),) = table.read([found.selection, selection_of(STEP)])
    assert ([row["key"] for row in some], [row["key"] for row in every]) == (["2"], ["1", "2"])


def test_a_file_that_is_no_snapshot(tmp_path):
    (tmp_path / "s.duckdb").write_bytes(b"nothing of the kind" * 1000)
    with pytest.raises(ConfigurationError, match="is damaged: put back a copy"):
        Snapshot(tmp_path / "s.duckdb")


def test_a_snapshot_may_be_read_by_its_owner_alone(tmp_path):
    with Snapshot(tmp_path / "s.duckdb"):
        assert (tmp_path / "s.duckdb").stat().st_mode & 0o077 == 0


HOLDER = """
import sys
from pathlib import Path
from netaudience.jobs.state.snapshot import Snapshot
with Snapshot(Path(sys.argv[1])):
    print("open", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused(tmp_path):
    path = tmp_path / "s.duckdb"
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(ConfigurationError, match="in use by another process"):
            Snapshot(path)
        holder.stdin.close()
    Snapshot(path).close()


#: Stages a run and delivers it in groups; says after each commit how far it is, and then the next run's.
KEPT = Effect(kept=("ext_id",), target=(("ext_id", True),))
CARRIER = """
import sys
from pathlib import Path
from netaudience.jobs.spec.model import Expression, Source, Step
from netaudience.jobs.state.snapshot import Snapshot
from netaudience.jobs.columns.effects import Effect
from netaudience.jobs.extract.table import open_source

effect = Effect(kept=("ext_id",), target=(("ext_id", True),))
folder, generation = Path(sys.argv[1]), int(sys.argv[2])
while True:
    step = Step(
        name="s", vendor="v", operation="o", mode="mirror",
        fields={"ext_id": Expression(column="id"), "profile.n": Expression(value=generation)},
    )
    with open_source(Source(files=("u.csv",), key=("id",)), folder) as table:
        with Snapshot(folder / "s.duckdb") as snapshot:
            found = snapshot.differences(table, step, f"run {generation}", effect)
            for start in range(1, 20001, 500):
                snapshot.commit(range(start, start + 500))
                print(generation, start + 499, flush=True)
    generation += 1
"""


@pytest.mark.slow
def test_a_process_that_is_killed_leaves_a_usable_file(tmp_path):
    """Whatever was said to be committed is there after SIGKILL, and nothing that was not sent is."""
    (tmp_path / "u.csv").write_text("id\n" + "".join(f"{number:06}\n" for number in range(20_000)))
    chance = random.Random(11)
    generation = 1
    reached = 0
    for _ in range(12):
        command = [sys.executable, "-c", CARRIER, str(tmp_path), str(generation)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as carrier:
            # Killed after so many commits: somewhere in the commit that follows, or in the next run's fold.
            for _ in range(chance.choice([1, 5, 40, 41, 75, 80, 81])):
                generation, reached = map(int, carrier.stdout.readline().split())
            carrier.send_signal(signal.SIGKILL)
            for line in carrier.stdout:
                generation, reached = map(int, line.split())
        assert carrier.returncode == -signal.SIGKILL
        step = Step(
            name="s",
            vendor="v",
            operation="o",
            mode="mirror",
            fields={"ext_id": Expression(column="id"), "profile.n": Expression(value=generation)},
        )
        with (
            open_source(Source(files=("u.csv",), key=("id",)), tmp_path) as table,
            Snapshot(tmp_path / "s.duckdb") as snapshot,
        ):
            found = snapshot.differences(table, step, "looking", KEPT)
            left = [row["row"] for page in found.rows() for row in page]
        # One commit may have been made and not been reported, the next run's first among them; never a part.
        untold = list(range(reached + 501, 20_001)) if reached < 20_000 else list(range(1, 501))
        assert left in (list(range(reached + 1, 20_001)), untold)
        assert (found.removed, found.rejected) == (0, 0)
        generation += 2

"""The harness of the benchmarks: its arithmetic, the sink, what it prints. No speed is tested."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks.measure import Slice, median_ratio, rounds
from benchmarks.plan import Result
from benchmarks.sink import Behaviour, Judge, most_in_a_window

# Of those who measure, not of those who use it.
pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("by", "ratio"),
    [
        # wall: 1/2, 4/2, 9/3: the ratio inside each round, then the median; not the ratio of the sums
        pytest.param("wall", 2.0, id="wall"),
        # cpu: 1/1, 1/4, 1/2
        pytest.param("cpu", 0.5, id="cpu"),
    ],
)
def test_the_ratio_is_taken_inside_each_round(by, ratio):
    bar = [Slice(1, 1), Slice(4, 1), Slice(9, 1)]
    ours = [Slice(2, 1), Slice(2, 4), Slice(3, 2)]
    assert median_ratio(bar, ours, by=by) == ratio


def test_slices_of_different_rounds_are_never_paired():
    with pytest.raises(ValueError, match="shorter"):
        median_ratio([Slice(1, 1), Slice(1, 1)], [Slice(1, 1)])


@pytest.mark.parametrize("by", ["wall", "cpu"])
def test_slices_of_different_work_are_compared_by_the_unit(by):
    slow = [Slice(3, 3, units=10), Slice(1, 1, units=10)]
    quick = [Slice(3, 3, units=60), Slice(1, 1, units=20)]
    assert median_ratio(slow, quick, by=by) == 4, "6 and 2"


@pytest.mark.parametrize(
    ("same_units", "units"),
    [
        pytest.param(True, {"quick": 150, "slow": 150, "quick again": 150}, id="as the first"),
        pytest.param(False, {"quick": 150, "slow": 30, "quick again": 150}, id="each its own"),
    ],
)
@pytest.mark.asyncio
async def test_a_slow_variant_may_do_less_for_the_same_ratio(monkeypatch, same_units, units):
    now = 0.0
    clock = SimpleNamespace(perf_counter=lambda: now, process_time=lambda: now)
    monkeypatch.setattr("benchmarks.measure.time", clock)

    def taking(seconds):
        async def work(count):
            nonlocal now
            now += count * seconds

        return work

    quick = taking(0.001)
    variants = {"quick": quick, "slow": taking(0.005), "quick again": quick}
    taken = await rounds(variants, 2, slice_seconds=0.15, same_units=same_units)
    assert {name: [one.units for one in slices] for name, slices in taken.items()} == {
        name: [count] * 2 for name, count in units.items()
    }
    assert median_ratio(taken["slow"], taken["quick"]) == pytest.approx(5)


@pytest.mark.parametrize(
    ("bound", "measured", "also_holds", "holds"),
    [
        ("at least", 0.92, True, True),
        ("at least", 0.919, True, False),
        ("at most", 1.02, True, False),
        ("at most", 0.92, True, True),
        ("at most", 0.5, False, False),
    ],
)
def test_a_promise_holds_only_if_all_of_it_does(bound, measured, also_holds, holds):
    result = Result(
        id="P1", what="", measured=measured, promise=0.92, bound=bound, control=1.0, also_holds=also_holds
    )
    assert result.holds is holds


def test_what_several_processes_measured_is_the_median_of_each_figure():
    def measured(figure, control, *, kept=True):
        return Result(
            id="P6",
            what="",
            part="fast",
            measured=figure,
            promise=1.02,
            bound="at most",
            control=control,
            also={"lost": figure},
            also_holds=kept,
        )

    one = Result.median([measured(1.0, 1.3), measured(0.9, 0.9), measured(1.5, 1.0)])
    assert (one.measured, one.control, one.also, one.runs) == (1.0, 1.0, {"lost": 1.0}, (1.0, 0.9, 1.5))
    assert one.holds
    assert not Result.median([measured(1.0, 1.0), measured(1.0, 1.0, kept=False)]).holds


@pytest.mark.parametrize("also_holds", [True, False])
@pytest.mark.parametrize("measured", [0.9, 1.1])
def test_a_result_is_read_back_as_it_was_written(measured, also_holds):
    result = Result(
        id="P6", what="w", measured=measured, promise=1, bound="at most", control=1.0, also_holds=also_holds
    )
    read = Result.from_json(json.loads(json.dumps(result.as_json())))
    assert read.as_json() == result.as_json()


def test_what_is_moody_is_measured_in_several_fresh_processes():
    done = _command(
        "--only", "C1", "--json", "--quick", "--pairs", "2", "--processes", "2", "--attempts", "1"
    )
    assert done.returncode in {0, 1}, done.stderr
    rows = json.loads(done.stdout)
    assert [row["part"] for row in rows] == ["write", "read"]
    for row in rows:
        assert len(row["runs"]) == 2
        assert row["measured"] == pytest.approx(sum(row["runs"]) / 2, abs=1e-3)
    assert done.stderr.count("measuring C1") == 2


@pytest.mark.parametrize(("control", "good"), [(0.9, True), (1.1, True), (0.89, False), (1.11, False)])
def test_a_control_far_from_one_is_told(control, good):
    result = Result(id="P1", what="", measured=1, promise=1, bound="at least", control=control)
    assert result.controlled is good


@pytest.mark.parametrize(
    ("arrivals", "most"),
    [([], 0), ([0.0], 1), ([0.0, 0.5, 0.99], 3), ([0.0, 0.5, 1.0], 2), ([0.0, 0.9, 1.8, 1.85], 3)],
)
def test_the_fullest_window_is_found(arrivals, most):
    assert most_in_a_window(arrivals, 1.0) == most


def _statuses(behaviour, requests, body=b"{}"):
    judge = Judge(behaviour)
    answers = [judge.judge(lambda: body, now)[0] for now in requests]
    return [int(answer.split(b" ", 2)[1]) for answer in answers], judge.stats()


def test_the_sink_counts_the_window_strictly_and_refusals_take_no_place():
    statuses, stats = _statuses(Behaviour(limit=2, track=True), [0.0, 0.5, 0.9, 1.0, 1.4, 1.5])
    assert statuses == [200, 200, 429, 200, 429, 200]
    assert stats["over_limit"] == 2


def test_the_sink_faults_once_in_a_hundred_with_either_answer_in_turn():
    statuses, stats = _statuses(Behaviour(faults=1, track=True), range(400))
    assert [status for status in statuses if status != 200] == [429, 503, 429, 503]
    assert stats["taken_again"] == 395, "one body, taken 396 times"


def test_the_sink_refuses_the_poison_alone():
    assert _statuses(Behaviour(poison="bad"), [0.0], b'["bad"]')[0] == [400]
    assert _statuses(Behaviour(poison="bad"), [0.0], b'["good"]')[0] == [200]


def test_the_sink_counts_the_items_that_it_took():
    _, stats = _statuses(Behaviour(identifier="id-[0-9]+"), [0.0, 0.1], b'["id-1", "id-22", "other"]')
    assert (stats["items"], stats["items_again"]) == (2, 2), "two items, each taken twice"


def _command(*arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_standard_output_is_json_and_nothing_else():
    done = _command("--only", "P12", "--json", "--quick", "--pairs", "1")
    (row,) = json.loads(done.stdout)
    assert list(row) == [
        "id", "what", "measured", "promise", "bound", "unit", "also", "holds", "control",
    ]  # fmt: skip
    assert (row["id"], row["promise"], row["bound"], row["unit"]) == ("P12", 30, "at most", "ms")
    assert row["holds"] is (row["measured"] <= 30)
    # A restless machine may fail the control, and then the command says so; it fails for nothing else.
    assert done.returncode == (0 if 0.9 <= row["control"] <= 1.1 else 1), done.stderr


def test_the_sink_and_the_client_meet_on_a_real_socket():
    done = _command("--only", "P10", "--json", "--quick")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert row["measured"] <= row["promise"]
    assert row["also"] == {"delivered": 999}
    assert row["control"] == 1, "a chunk without poison takes one request"


def test_the_snapshot_of_a_few_keys_is_measured_phase_by_phase(tmp_path):
    pytest.importorskip("duckdb")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.snapshot", "--keys", "2000", "--json", "--folder", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = {row["phase"]: row for row in json.loads(done.stdout)}
    found = {phase: row["rows"] for phase, row in rows.items()}
    assert found == {
        "first": 2000,
        "delivered": 2000,
        "again": 20,
        "read": 20,
        "steady": 20,
        "join": 20,
        "control": 20,
    }
    assert all(row["memory"] > 10 and row["disk"] > 0 for row in rows.values())
    assert not list(tmp_path.iterdir())


def test_a_promise_that_is_not_measured_is_refused():
    done = _command("--only", "P99")
    assert done.returncode == 2
    assert "P99" in done.stderr
    assert not done.stdout

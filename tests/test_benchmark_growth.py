"""How the cost grows: its drawing, its tables, what the sink does for it, a tiny run. No speed is tested."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks.growth.failures import mixed, places
from benchmarks.growth.results import CONTROL, Column, Growth, GrowthPlan, Panel, Points, markdown
from benchmarks.sink import Behaviour, Judge

# Of those who measure, not of those who use it.
pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent
PLAN = GrowthPlan(quick=True, pairs=3, wanted=frozenset(), loop="asyncio", sink_core=None)
COLUMNS = (Column("CPU µs", "cpu", ",.1f"), Column("ratio", "ratio"), CONTROL)


def _growth(last_control=1.0):
    points = Points({1: "one", 10: "ten", 100: "a hundred"})
    for at, control in ((1, 1.0), (10, 1.0), (100, last_control)):
        points.add(at, {"cpu": 1000.0 * at, "ratio": 0.9, "control": control})
    cpu = points.line("cpu", "ours", "ours")
    panels = [
        Panel(title="Cost", x="things", y="CPU µs", lines=[cpu], ticks=points.ticks, y_log=True),
        Panel(
            title="Speed",
            x="things",
            y="ratio",
            lines=[points.line("ratio", "ours", "ours"), points.line("control", "control", "control")],
            ticks=points.ticks,
            is_ratio=True,
        ),
    ]
    return Growth(
        name="things",
        grows_with="the number of things",
        done="Things are done.",
        tables=[points.table("things", COLUMNS)],
        panels=panels,
    )


def _drawn(**what):
    pytest.importorskip("matplotlib")
    from benchmarks.growth.pictures import draw  # noqa: PLC0415 - an extra

    return draw(_growth(**what))


def test_the_same_figures_are_drawn_in_the_same_bytes():
    first, other = _drawn(), _drawn(last_control=1.05)
    assert _drawn() == first
    assert other != first
    assert len(first) < 20_000


def test_a_picture_is_svg_whose_words_are_text_and_that_says_nothing_of_the_day():
    drawn = ET.fromstring(_drawn())
    words = {element.text for element in drawn.iter("{http://www.w3.org/2000/svg}text")}
    assert {"Cost", "Speed", "things", "CPU µs", "ratio", "ours", "control", "one", "ten"} <= words
    assert not [element for element in drawn.iter() if "metadata" in element.tag or "date" in element.tag]


def test_a_table_has_every_point_and_how_it_was_measured():
    text = markdown(_growth(last_control=1.2), PLAN)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert rows == [
        "| things | CPU µs | ratio | control |",
        "|---|---:|---:|---:|",
        "| one | 1,000.0 | 0.900 | 1.000 |",
        "| ten | 10,000.0 | 0.900 | 1.000 |",
        "| a hundred | 100,000.0 | 0.900 | 1.200 ! |",
    ]
    assert "![How the cost grows with the number of things](things.svg)" in text
    for word in ("--quick", "3 rounds", "asyncio", "Python 3."):
        assert word in text


@pytest.mark.parametrize(("one_in", "bad"), [(0, 0), (1000, 5), (100, 50), (10, 500)])
def test_so_many_fail_as_are_said_to_and_where_they_are_said_to(one_in, bad):
    items = list(mixed(5000, one_in, "bad"))
    assert [number for number, item in enumerate(items) if item.startswith("bad")] == places(5000, one_in)
    assert len(places(5000, one_in)) == bad
    assert len(items) == len(set(items)) == 5000
    within = [
        [place % 1000 for place in places(5000, one_in) if place // 1000 == chunk] for chunk in range(5)
    ]
    assert not bad or all(one != other for one, other in pairwise(within)), "every chunk is like the last"


def _answers(behaviour, *requests):
    judge = Judge(behaviour)
    return [judge.judge(lambda body=body: body, now, key)[0] for body, now, key in requests]


def test_the_sink_names_those_that_it_refuses_in_a_success():
    (answer,) = _answers(Behaviour(named="bad"), (b'{"extIds":["good-1","bad-2","not-bad"]}', 0, b""))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b'\r\n\r\n{"refused":["bad-2"]}')


def test_the_sink_puts_a_request_off_once_each_time_that_it_is_sent_anew():
    again = [(b"put-off-1", 0, b"")] * 4 + [(b"good", 0, b"")]
    answers = _answers(Behaviour(unavailable="put-off"), *again)
    assert [answer.split(b" ")[1] for answer in answers] == [b"503", b"200", b"503", b"200", b"200"]
    assert b"Retry-After: 0\r\n" in answers[0]


def test_the_sink_counts_the_window_of_each_account_by_itself():
    requests = [(b"", 0.0, b"one"), (b"", 0.1, b"other"), (b"", 0.2, b"one"), (b"", 1.1, b"one")]
    answers = _answers(Behaviour(limit=1), *requests)
    assert [answer.split(b" ")[1] for answer in answers] == [b"200", b"200", b"429", b"200"]


def _command(*arguments, module="benchmarks.growth"):
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("names", [("items", "failures"), ("in-flight", "chunk", "accounts")])
def test_the_smallest_points_are_measured_written_and_drawn(names, tmp_path):
    pytest.importorskip("matplotlib")
    tiny = ("--quick", "--pairs", "1", "--points", "1", "--slice-seconds", "0.02")
    done = _command(*tiny, "--only", ",".join(names), "--into", str(tmp_path / "made"))
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "made").iterdir()} == {
        f"{name}.{ending}" for name in names for ending in ("md", "svg")
    }
    for name in names:
        table = (tmp_path / "made" / f"{name}.md").read_text(encoding="utf-8")
        assert f"]({name}.svg)" in table
        assert "1 rounds" in table
        ET.fromstring((tmp_path / "made" / f"{name}.svg").read_text(encoding="utf-8"))


def test_a_growth_that_is_not_measured_is_refused_and_nothing_is_written(tmp_path):
    done = _command("--only", "chunk,weather", "--into", str(tmp_path / "made"))
    assert done.returncode == 2
    assert "weather" in done.stderr
    assert not (tmp_path / "made").exists()


def test_the_other_benchmarks_need_no_matplotlib():
    done = subprocess.run(
        [sys.executable, "-c", "import benchmarks.__main__, sys; sys.exit('matplotlib' in sys.modules)"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0

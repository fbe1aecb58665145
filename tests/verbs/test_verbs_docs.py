"""The page for whoever erases people says what is so: its table, its statuses, its program."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from netaudience.model.verb_facts import Verb
from netaudience.verbs.matrix import matrix
from netaudience.verbs.verdicts import STATUSES

PAGE = (Path(__file__).parent.parent.parent / "docs" / "verbs.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("verb", "called"),
    [
        ("erase", "verbs"),
        ("suppress", "verbs suppress"),
        ("join", "verbs join"),
        ("set", "verbs set"),
        ("unset", "verbs unset"),
    ],
)
def test_the_tables_are_those_of_the_facts(verb: Verb, called: str) -> None:
    shown = PAGE.partition(f"<!-- begin: netaudience {called} -->\n")[2].partition("<!-- end -->")[0]
    assert shown == matrix(verb)


def test_every_status_is_told_and_no_other() -> None:
    told = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)
    assert told == ["status", *STATUSES]


@pytest.mark.slow
def test_the_program_runs_as_it_stands(tmp_path: Path) -> None:
    pytest.importorskip("duckdb")
    (program,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "1 netmera accepted\n1 moengage accepted\n"

"""The page for whoever erases people says what is so: its table, its statuses, its program."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from netaudience.verbs.matrix import matrix
from netaudience.verbs.verdicts import STATUSES

PAGE = (Path(__file__).parent.parent.parent / "docs" / "verbs.md").read_text(encoding="utf-8")


def test_the_table_is_that_of_the_facts() -> None:
    shown = PAGE.partition("<!-- begin: netaudience verbs -->\n")[2].partition("<!-- end -->")[0]
    assert shown == matrix("erase")


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

"""The topics at the terminal: the pages' own sections, narrow, whole, and in what is installed."""

from __future__ import annotations

import re
import tomllib
from itertools import takewhile
from pathlib import Path

import pytest

from netaudience.cli.topics import TOPICS, _section
from netaudience.jobs.spec.exit_codes import ExitCode
from netaudience.vendors import names

ROOT = Path(__file__).parent.parent.parent


def told(run, *words: str) -> list[str]:
    result = run("help", *words)
    assert result.code == 0
    return result.out.decode().splitlines()


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("columns", ["80", "200", "50"])
def test_a_topic_is_its_section_in_eighty_columns(run, monkeypatch, topic, columns):
    monkeypatch.setenv("COLUMNS", columns)
    lines = told(run, topic)
    assert lines[0] == TOPICS[topic].heading
    assert len(lines) > 3
    assert max(map(len, lines)) <= min(80, int(columns))
    assert lines == [line.rstrip() for line in lines]
    section = re.sub(r"^```\w*$|\]\([^)]*\)", "", _section(TOPICS[topic]), flags=re.MULTILINE)
    shown = " ".join(lines)
    assert shown.count("…") == section.count("…")  # nothing was cut off
    in_text = re.findall(r"[a-z]{4,}", re.sub(r"^\|.*$", "", section, flags=re.MULTILINE))
    assert set(in_text) - set(re.findall(r"[a-z]{4,}", shown)) == set()


def test_the_list_names_every_topic_and_fits(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = told(run)
    assert [line.split()[0] for line in lines[: len(TOPICS)]] == list(TOPICS)
    assert max(map(len, lines)) <= 80


def test_an_unknown_topic_is_told_with_the_nearest(run):
    result = run("help", "guard")
    assert result.code == ExitCode.USAGE
    assert result.err == "error: There is no topic 'guard', but guards: netaudience help lists them\n"
    assert run("help", "zzz").err == "error: There is no topic 'zzz': netaudience help lists them\n"
    assert told(run, "Exit_Codes") == told(run, "exit-codes")


def test_the_job_file_may_be_copied_from_the_terminal(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    page = (ROOT / "docs" / "jobs.md").read_text(encoding="utf-8")
    block = re.search(r"^## The file\n.*?^```toml\n(.*?)^```", page, re.DOTALL | re.MULTILINE)[1]
    _, _, *lines = told(run, "job-file")
    shown = "\n".join(takewhile(lambda line: not line or line.startswith(" "), lines))
    assert tomllib.loads(shown) == tomllib.loads(block)


def test_exit_codes_and_credentials_are_those_of_the_program(run):
    codes = " ".join(told(run, "exit-codes"))
    assert all(re.search(rf"\b{code.value}\b", codes) for code in ExitCode)
    credentials = " ".join(told(run, "credentials"))
    assert all(f"NETAUDIENCE_{slug.upper()}_" in credentials for slug in names())


def test_the_pages_are_in_what_is_installed():
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    included = build["targets"]["wheel"]["force-include"]
    assert included == {
        f"docs/{page}": f"netaudience/cli/pages/{page}"
        for page in sorted({each.page for each in TOPICS.values()})
    }
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert all(f"COPY {page} " in image for page in included)

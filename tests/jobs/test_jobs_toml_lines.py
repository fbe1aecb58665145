"""Keys are found on their lines, however the file is laid out."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from netaudience.jobs.spec.toml_lines import Lines

CASES = [
    ("a = 1", {("a",): 1}),
    ("\n\n# a = 0\n  a = 1", {("a",): 4}),
    ("a = 1\r\nb = 2\r\n", {("a",): 1, ("b",): 2}),
    ("[t]\nx = 1", {("t",): 1, ("t", "x"): 2}),
    (" [ t . u ]\nx=1", {("t",): 1, ("t", "u"): 1, ("t", "u", "x"): 2}),
    ("a.b.c = 1\na.b.d = 2", {("a",): 1, ("a", "b"): 1, ("a", "b", "c"): 1, ("a", "b", "d"): 2}),
    ("a . 'b c' . \"d.e\" = 1", {("a", "b c", "d.e"): 1}),
    ('"\\u0061\\"" = 1', {('a"',): 1}),
    ("'#' = 1\n'=' = 2 # = 3\n'[x]' = 3", {("#",): 1, ("=",): 2, ("[x]",): 3}),
    ("[[s]]\nx = 1\n[[s]]\nx = 2", {("s", 0): 1, ("s", 0, "x"): 2, ("s", 1): 3, ("s", 1, "x"): 4}),
    ("[[s]]\n[s.f]\nx=1\n[[s]]\n[s.f]\nx=2", {("s", 0, "f", "x"): 3, ("s", 1, "f", "x"): 6}),
    ("[[s]]\n[[s.t]]\n[[s.t]]\nx = 1\n[[s]]\n[[s.t]]\n", {("s", 0, "t", 1, "x"): 4, ("s", 1, "t", 0): 6}),
    ("a = { b = 1, c = { d = 2 } }", {("a", "b"): 1, ("a", "c", "d"): 1}),
    ("a = { b = [\n1,\n2 ], c = 3 }\nd = 1", {("a", "b"): 1, ("a", "b", 1): 3, ("a", "c"): 3, ("d",): 4}),
    ("a = [ # one\n  { b = 1 },\n  { b = 2 },\n]\nc = 1", {("a", 0, "b"): 2, ("a", 1, "b"): 3, ("c",): 5}),
    ("s = [{x = 1}, {x = 2}]", {("s", 0, "x"): 1, ("s", 1, "x"): 1}),
    ("a = '''\nb = 1\n[c]\n'''\nd = 1", {("a",): 1, ("d",): 5}),
    ('a = """\n\\"""\nb = 1 ""\\"\n"""\nd = 1', {("a",): 1, ("d",): 5}),
    ('a = """x"""""\nb = 1', {("a",): 1, ("b",): 2}),
    ("a = '''x'''''\nb = 1", {("a",): 1, ("b",): 2}),
    ("a = ''\nb = \"\"\nc = ''''''\nd = 1", {("a",): 1, ("b",): 2, ("c",): 3, ("d",): 4}),
    ("a = '\\'\nb = \"\\\\\"\nc = 1", {("a",): 1, ("b",): 2, ("c",): 3}),
    ("a = 'it # is'\nb = \"[x]\\\" = 1\" # end\nc = 1", {("a",): 1, ("b",): 2, ("c",): 3}),
    ("a = 1979-05-27 07:32:00Z\nb = 1", {("a",): 1, ("b",): 2}),
    ("a = [[1, [2]], ['x]', \"y]\"]]\nb = -1.5e3", {("a", 1, 1): 1, ("b",): 2}),
    ("[t.u]\nx = 1\n[t]\ny = 2", {("t",): 3, ("t", "u"): 1, ("t", "y"): 4}),
    ("[f]\n\"p.age\" = 'a'\np.born = 'b'", {("f", "p.age"): 2, ("f", "p", "born"): 3}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CASES, ids=range(len(CASES)))
def test_a_key_is_on_its_line(text: str, expected: dict[tuple[str | int, ...], int]) -> None:
    values = tomllib.loads(text)
    lines = Lines(text)
    assert {path: lines.of(*path) for path in expected} == expected
    assert set(lines.known) >= set(paths(values))


def paths(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Give the path of everything in a value, as the reader of TOML understands it."""
    if path:
        yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield from paths(part, (*path, name))


def test_what_is_not_there_is_on_the_line_of_what_it_would_be_in() -> None:
    lines = Lines("a = 1\n[[step]]\nx = 1\n[[step]]\n[step.fields]\n")
    assert lines.of("step", 1, "fields", "ext_id") == 5
    assert lines.of("step", 1, "name") == 4
    assert lines.of("step", 7, "name") == 2
    assert lines.of("source", "files") == 1


def test_an_empty_text_has_one_line() -> None:
    assert Lines("").of("a") == 1


@pytest.mark.parametrize(
    "text",
    ["[", "[[", "[a", "a", "a =", "a = [", "a = {", 'a = "', "a = '''", "]", "}", "a = [1 2", "a.=1",
     '"', "= 1", "\\", "[]]\nb = 1", "a = }\nb = 1", "{", "a = [}", "a = {]"],
)  # fmt: skip
def test_a_text_that_is_not_toml_ends_the_scan_all_the_same(text: str) -> None:
    Lines(text)


@given(st.text(alphabet="ab.=[]{}\"'\\# \n,1", max_size=60))
@settings(max_examples=examples(400), deadline=None)
def test_any_text_ends_the_scan_and_whatever_is_toml_is_found(text: str) -> None:
    lines = Lines(text)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert set(lines.known) >= set(paths(values))
    assert all(1 <= line <= text.count("\n") + 1 for line in lines.known.values())


names = st.text(alphabet="ab.# \"'=[é", min_size=1, max_size=5)
scalars = st.one_of(
    st.integers(-5, 5).map(str),
    st.booleans().map(lambda value: str(value).lower()),
    st.text(alphabet='ab#=[]{}",\\', max_size=6).map(json.dumps),
    st.text(alphabet='ab#=[]{},"\\', max_size=6).map(lambda text: f"'{text}'"),
    st.text(alphabet="ab#=[]\n", max_size=8).map(lambda text: f"'''{text}'''"),
)
tables = st.lists(
    st.tuples(names, st.dictionaries(names, scalars, max_size=4), st.integers(0, 2)), max_size=5
)


@given(tables, st.booleans())
@settings(max_examples=examples(200), deadline=None)
def test_a_file_that_was_written_line_by_line_is_read_so(written: list, is_array: bool) -> None:
    text, line = "", 1
    expected: dict[tuple[str | int, ...], int] = {}
    for place, (name, keys, blank) in enumerate(written):
        quoted = json.dumps(f"{name}" if is_array else f"{name}{place}", ensure_ascii=False)
        text += "# [x]\n" * blank + (f"[['t'.{quoted}]]\n" if is_array else f"[ t . {quoted} ] # a = 1\n")
        line += blank
        before = len([1 for other, _, _ in written[:place] if other == name])
        table = ("t", name, before) if is_array else ("t", f"{name}{place}")
        expected[table] = line
        line += 1
        for key, value in keys.items():
            text += f"{json.dumps(key, ensure_ascii=False)} = {value}\n"
            expected[*table, key] = line
            line += 1 + value.count("\n")
    tomllib.loads(text)
    lines = Lines(text)
    assert {path: lines.of(*path) for path in expected} == expected

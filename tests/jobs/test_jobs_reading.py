"""A job file is read whole, and all that is wrong with it is told at once, by line, with the remedy."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from netaudience.errors import ConfigurationError
from netaudience.jobs import Job
from netaudience.jobs.spec.model import Expression, Guards, Share, Source, Step
from netaudience.jobs.spec.parse import read_job
from netaudience.jobs.spec.validate import find_operation, removal_problem
from netaudience.vendors import clients

WHOLE = """\
name = "nightly"
[source]
files = ["exports/users-*.parquet"]
key = "user_id"
[[step]]
vendor = "netmera"
operation = "set-profile-attributes"
where = "country = 'TR'"
mode = "mirror"
removal = "unset_profile_attributes"
rate = 10
in-flight = 4
max_rows = 100
[step.fields]
extId = "user_id"
"profile.age" = { sql = "cast(age as integer)" }
profile.source = { value = "crm" }
"profile.city" = { column = "town" }
[[step]]
name = "sport"
vendor = "netmera"
operation = "tag_users"
arguments = { tag = "Sport" }
rate = 10
in-flight = 4
[step.fields]
ext_id = "user_id"
[guards]
max-removals = 100
max-rejected = "2.5%"
allow-empty = true
max-deviation = "150%"
[runs]
folder = "kept"
keep = 3
keep-days = 7
"""

TAGGING = 'operation = "tag_users"\narguments = { tag = "Sport" }'
LISTED = 'operation = "enable_whats_app"\narguments = { wp-numbers = %s }'


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "job.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def problems_of(path: Path) -> list[tuple[int, str]]:
    """Return what is reported, by line."""
    with pytest.raises(ConfigurationError) as caught:
        read_job(path)
    found = re.findall(rf"^{re.escape(str(path))}:(\d+): (.*)$", str(caught.value), re.MULTILINE)
    return [(int(line), sentence) for line, sentence in found]


def test_a_whole_file_is_the_job_that_it_says(write, tmp_path: Path) -> None:
    path = write(WHOLE)
    assert Job.load(path) == Job(
        name="nightly",
        path=path,
        source=Source(files=("exports/users-*.parquet",), key=("user_id",)),
        steps=(
            Step(
                name="netmera-set-profile-attributes",
                vendor="netmera",
                operation="set_profile_attributes",
                fields={
                    "ext_id": Expression(column="user_id"),
                    "profile.age": Expression(sql="cast(age as integer)"),
                    "profile.source": Expression(value="crm"),
                    "profile.city": Expression(column="town"),
                },
                where="country = 'TR'",
                mode="mirror",
                removal="unset_profile_attributes",
                rate=10.0,
                in_flight=4,
                max_rows=100,
            ),
            Step(
                name="sport",
                vendor="netmera",
                operation="tag_users",
                arguments={"tag": "Sport"},
                fields={"ext_id": Expression(column="user_id")},
                rate=10.0,
                in_flight=4,
            ),
        ),
        guards=Guards(
            allow_empty=True,
            max_removals=Share(count=100),
            max_rejected=Share(share=0.025),
            max_deviation=1.5,
        ),
        folder=tmp_path / "kept",
        keep_runs=3,
        keep_days=7,
    )


def test_how_the_files_of_a_source_are_written(write) -> None:
    keys = (
        'files = "u.csv"\nformat = "csv"\ndelimiter = "tab"\nquote = ""\nheader = ["id", "n"]\n'
        'encoding = "windows-1254"\nsheet = "S"\ntyped = "n"\ntime-zone = "Europe/Istanbul"\nhive = true\n'
    )
    text = WHOLE.replace('files = ["exports/users-*.parquet"]\n', keys)
    assert read_job(write(text)).source == Source(
        files=("u.csv",), key=("user_id",), format="csv", delimiter="tab", quote="", header=("id", "n"),
        encoding="windows-1254", sheet="S", typed=("n",), time_zone="Europe/Istanbul", hive=True,
    )  # fmt: skip


def test_the_least_file(write) -> None:
    job = Job.load(
        write(
            '[source]\nsql = "select 1 as id"\n[[step]]\nvendor = "CleverTap"\noperation = "demerge"\n'
            'fields = { identity = "id" }'
        )
    )
    assert (job.name, job.source.key, job.folder, job.guards) == ("job", (), None, Guards())
    assert [(step.name, step.mode, step.vendor) for step in job.steps] == [
        ("clevertap-demerge", "all", "clevertap")
    ]


def test_a_file_as_windows_writes_it(write, tmp_path: Path) -> None:
    path = tmp_path / "job.toml"
    path.write_bytes(b"\xef\xbb\xbf" + WHOLE.replace("\n", "\r\n").encode())
    assert read_job(path).steps == read_job(write(WHOLE)).steps


#: What is changed in the whole file, the line that is reported, and what the sentence says.
WRONG = [
    ('name = "nightly"', "nam = 1", 1, "no nam in the job file: did you mean name?"),
    ('name = "nightly"', 'name = "../x"', 1, "becomes the name of a folder"),
    ('name = "nightly"', "name = 5", 1, "name must be text"),
    ("[source]", "[sauce]", 2, "no sauce in the job file: did you mean source?"),
    ("[source]", "[sauce]", 1, "add [source] with files"),
    ('files = ["exports/users-*.parquet"]', "", 2, "says neither files nor sql"),
    ('files = ["exports/users-*.parquet"]', 'path = "a.csv"', 3, "no path in [source]: did you mean files?"),
    ('files = ["exports/users-*.parquet"]', 'query = "select 1"', 3, "did you mean sql?"),
    ('files = ["exports/users-*.parquet"]', "files = [1]", 3, "files must be text, or a list of texts"),
    ('files = ["exports/users-*.parquet"]', "files = []", 3, "files must be text, or a list of texts"),
    ('files = ["exports/users-*.parquet"]', 'files = ["a.csv", "-"]', 3, "cannot be read along with files"),
    ('files = ["exports/users-*.parquet"]', 'files = "-"', 3, 'add format = "csv"'),
    ('files = ["exports/users-*.parquet"]', 'files = "a"\nformat = "cvs"', 4, "did you mean csv?"),
    (
        'files = ["exports/users-*.parquet"]',
        'files = "a"\ndatabase = "x.db"',
        4,
        "needs to be asked: add sql",
    ),
    (
        'files = ["exports/users-*.parquet"]',
        'files = "a"\npassword = "hunter2"',
        4,
        "looks like a credential",
    ),
    ('key = "user_id"', 'key = ["user_id", "user_id"]', 4, "names a column twice"),
    ('key = "user_id"', 'key = "user_id"\ndelimiter = ";;"', 5, "delimiter must be one sign"),
    ('key = "user_id"', 'key = "user_id"\nquote = 1', 5, "quote must be one sign"),
    ('key = "user_id"', 'key = "user_id"\nheader = "no"', 5, "header must be true, false, or the names"),
    (
        'key = "user_id"',
        'key = "user_id"\nheader = ["a", "A"]',
        5,
        "header must be true, false, or the names",
    ),
    ('key = "user_id"', 'key = "user_id"\nencoding = "klingon"', 5, "there is no encoding of that name"),
    ('key = "user_id"', 'key = "user_id"\ntyped = 1', 5, "typed must be text, or a list of texts"),
    ('key = "user_id"', 'key = "user_id"\ntime-zone = "Turkey/X"', 5, "must be one of the IANA names"),
    ('key = "user_id"', 'key = "user_id"\nhive = "yes"', 5, "hive must be true or false"),
    ('files = ["exports/users-*.parquet"]', 'sql = "select 1"\nformat = "csv"', 4, "and there are none"),
    ('key = "user_id"', "", 9, "mirror needs to know rows again: add key"),
    (
        'vendor = "netmera"\noperation = "set-',
        'vendor = "netmra"\noperation = "set-',
        6,
        "did you mean netmera?",
    ),
    ('vendor = "netmera"\noperation = "set-', 'operation = "set-', 5, 'add vendor = "…"'),
    ('"set-profile-attributes"', '"set_profil_attributes"', 7, "did you mean set_profile_attributes?"),
    ('"set-profile-attributes"', '"get-devices"', 7, "run netaudience netmera get-devices instead"),
    ('operation = "tag_users"\n', "", 19, "add operation ="),
    ('mode = "mirror"', 'mode = "mirorr"', 9, "did you mean mirror?"),
    ('mode = "mirror"', 'mode = "changed-only"', 10, "only a mirror removes"),
    ('removal = "unset_profile_attributes"', "", 9, "add removal ="),
    ('removal = "unset_profile_attributes"', 'removal = "set_category_preferences"', 10, "needs category"),
    (
        'removal = "unset_profile_attributes"',
        'removal = "untag_users"',
        5,
        "untag_users needs tag, text: add removal-arguments =",
    ),
    ("rate = 10", "rate = 0", 11, "rate must be a number above 0"),
    ("rate = 10", "rate = true", 11, "rate must be a number above 0"),
    ("in-flight = 4", "in-flight = 1.5", 12, "in_flight must be a whole number"),
    ("in-flight = 4", "in-flight = 4\nin_flight = 4", 13, "there twice, with a dash and with an underscore"),
    ('extId = "user_id"', "", 14, "needs ext_id in each row: add ext_id ="),
    ('extId = "user_id"', 'extId = { value = "x" }', 15, "is the same for all rows"),
    ('extId = "user_id"', 'extId = "user_id"\next_id = "x"', 16, "under two names"),
    ('extId = "user_id"', 'exitd = "user_id"', 15, "did you mean ext_id?"),
    ('extId = "user_id"', 'extId = "user_id"\n"ext_id.x" = "y"', 16, "has no entries"),
    ('{ sql = "cast(age as integer)" }', "30", 16, "a constant is written profile.age = { value = … }"),
    ('{ sql = "cast(age as integer)" }', '{ sql = "" }', 16, "must be text that is not empty"),
    ('{ sql = "cast(age as integer)" }', '{ sql = "a", column = "b" }', 16, "made of one thing"),
    ('{ sql = "cast(age as integer)" }', "{ value = 1979-05-27 }", 16, "cannot be sent as JSON"),
    ('{ sql = "cast(age as integer)" }', "{ value = nan }", 16, "cannot be sent as JSON"),
    ('{ sql = "cast(age as integer)" }', '""', 16, "names no column"),
    ('name = "sport"', 'name = "Netmera-set-profile-attributes"', 20, "two steps are called"),
    ('tag = "Sport"', "", 23, "tag_users needs tag, text"),
    ('tag = "Sport"', "tag = 5", 23, "tag must be text"),
    (TAGGING, LISTED % '"x"', 23, "must be a list, of which each is text"),
    ('tag = "Sport"', 'tag = "Sport", tagz = "x"', 23, "did you mean tag?"),
    ('tag = "Sport"', 'tag = "Sport", confirm = true', 23, "consent is not written into a file"),
    ('tag = "Sport"', 'tag = ""', 23, "tag is empty, and tag_users needs it"),
    (TAGGING, LISTED % '[""]', 23, "must be a list of texts"),
    ("max-removals = 100", "max-removals = -1", 29, "must be a percentage"),
    ("max-removals = 100", 'max-removals = "101%"', 29, "must be a percentage"),
    ("max-removals = 100", "max-removals = 0.05", 29, 'such as "5%"'),
    ("allow-empty = true", 'allow-empty = "yes"', 31, "must be true or false"),
    ('max-deviation = "150%"', "max-deviation = 5", 32, "must be a percentage"),
    ("keep = 3", "keep = 0", 35, "at least 1"),
    ("keep = 3", "keeep = 3", 35, "did you mean keep?"),
    ("[guards]", "guards = 5\n[runz]", 28, "guards"),
]


@pytest.mark.parametrize(
    ("before", "after", "line", "words"), WRONG, ids=[case[1] or "nothing" for case in WRONG]
)
def test_a_mistake_is_told_with_its_line_and_the_remedy(
    write, before: str, after: str, line: int, words: str
) -> None:
    assert WHOLE.count(before) >= 1
    told = problems_of(write(WHOLE.replace(before, after, 1)))
    assert any(at == line and words in sentence for at, sentence in told), told
    assert "hunter2" not in str(told)


def test_one_mistake_is_one_problem(write) -> None:
    """What follows from a mistake is not reported beside it."""
    for before, after, line, words in WRONG:
        if after.startswith(("[sauce]", "guards", "nam")):
            continue
        told = problems_of(write(WHOLE.replace(before, after, 1)))
        assert len(told) == 1, (before, after, line, words, told)


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(write) -> None:
    text = WHOLE
    for before, after in [
        ("rate = 10", "rate = 0"),
        ("keep = 3", "keep = 0"),
        ('name = "nightly"', "nam = 1"),
    ]:
        text = text.replace(before, after, 1)
    assert [line for line, _ in problems_of(write(text))] == [1, 11, 35]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[source]\nfiles = users.csv", 2, "this is not TOML"),
        ("[source]\n\nfiles = [", 3, "this is not TOML"),
        ("[source]\n[source]", 2, "this is not TOML"),
        ("a = 1\na = 2", 2, "each key once"),
        ("", 1, "add [source]"),
        ("step = 5\nsource = 5", 1, "[[step]]"),
        ("step = [5]\nsource = 5", 1, "begin it with a line [[step]]"),
        ("step = [5]\nsource = 5", 2, "source must be a table"),
    ],
)
def test_what_is_hardly_a_job_file(write, text: str, line: int, words: str) -> None:
    told = problems_of(write(text))
    assert any(at == line and words in sentence for at, sentence in told), told


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="write one with netaudience init"):
        read_job(tmp_path / "none.toml")
    (tmp_path / "job.toml").write_bytes(b'name = "\xfc"')
    with pytest.raises(ConfigurationError, match="save it as UTF-8"):
        read_job(tmp_path / "job.toml")


def test_inline_tables_and_one_step_are_understood(write) -> None:
    job = read_job(
        write(
            'source = { files = "a.csv" }\n'
            'step = [{ vendor = "netmera", operation = "enable_mail", arguments = { by = "email" }, '
            'fields = { email = "mail" } }]\n'
        )
    )
    assert job.steps[0].fields == {"user": Expression(column="mail")}
    told = problems_of(
        write('source = { files = "a" }\n\nstep = [\n{ vendor = "netmera", operation = "enable_mail" },\n]\n')
    )
    assert told == [(4, 'enable_mail needs its user: add user = "COLUMN"')]


CARRIED = [
    (vendor, operation)
    for vendor in clients()
    for operation in vendor.operations().values()
    if not isinstance(find_operation(vendor, operation.name), str)
]


#: Values by what an argument is said to be.
EXAMPLES = {
    "text": '"x"',
    "a whole number": "5",
    "true or false": "true",
    "a table": "{ key = 'value' }",
    "a whole number or a date": "1790000000000",
}


@pytest.mark.parametrize(("vendor", "operation"), CARRIED, ids=lambda part: getattr(part, "name", ""))
def test_every_operation_that_carries_items_says_what_a_step_lacks_until_it_lacks_nothing(
    write, vendor, operation
) -> None:
    """Following the remedies alone leads from an empty step to a job."""
    head = f'source.files = "a.csv"\n[[step]]\nvendor = "{vendor.slug}"\noperation = "{operation.name}"\n'
    arguments: dict[str, str] = {}
    fields: dict[str, str] = {}
    for _ in range(10):
        inline = ", ".join(f"{name} = {value}" for name, value in arguments.items())
        mapped = "".join(f"{name} = {value}\n" for name, value in fields.items())
        path = write(f"{head}arguments = {{ {inline} }}\n[step.fields]\n{mapped}")
        try:
            job = read_job(path)
        except ConfigurationError as error:
            told = str(error)
        else:
            assert job.steps[0].operation == operation.name
            return
        for name, wanted in re.findall(r"needs (\w+), ([^:]+): add arguments", told):
            arguments[name] = EXAMPLES.get(wanted, f'"{wanted.removeprefix("one of ").split(",")[0]}"')
        fields.update(re.findall(r"add (\S+) = (\"COLUMN\")", told))
        fields.update((name, '"COLUMN"') for name in re.findall(r"add one of (\w+)", told))
    pytest.fail(f"{operation.name}: {told}")


def test_the_operations_are_those_of_the_vendors() -> None:
    for vendor, operation in CARRIED:
        assert find_operation(vendor, operation.name.replace("_", "-")) is operation
        assert operation.facts.acknowledges != "answered"
        assert inspect.signature(operation.function)


REMOVALS = [
    ("set_profile_attributes", "unset_profile_attributes", ["ext_id", "profile.age"], None),
    ("set_profile_attributes", "unset_profile_attributes", ["ext_id", "profile"], None),
    ("set_profile_attributes", "set_category_preferences", ["ext_id", "profile.age"], "needs category"),
    ("set_profile_attributes", "pull_profile_attributes", ["ext_id", "profile.age"], "needs profile"),
    ("set_profile_attributes", "untag_users", ["profile.age", "ext_id"], None),
    ("tag_users", "untag_users", ["ext_id"], None),
    ("set_category_preferences", "disable_mail", ["category", "enable"], "no field of the step is one"),
]


@pytest.mark.parametrize(("operation", "removal", "fields", "words"), REMOVALS)
def test_a_removal_is_made_of_what_is_known_of_a_row_that_is_gone(
    operation: str, removal: str, fields: list[str], words: str | None
) -> None:
    operations = clients("NetmeraClient")[0].operations()
    told = removal_problem(operations[operation], operations[removal], fields)
    assert told is None if words is None else words in str(told)


PACES = [
    ("rate = 10", "rate = 20", 9, "write the same rate in both"),
    ("in_flight = 2", "", 6, "write the same in_flight in both, or in neither"),
    ("rate = 10\nin_flight = 2", "rate = 10\nin_flight = 2", None, ""),
    ("max_rows = 10", "max_rows = 20", None, ""),
]


@pytest.mark.parametrize(("one", "other", "line", "words"), PACES)
def test_steps_of_one_allowance_have_one_pace(
    write, one: str, other: str, line: int | None, words: str
) -> None:
    tag = '[[step]]\nname = "{}"\nvendor = "netmera"\noperation = "{}"\narguments = {{ tag = "x" }}\n{}\n'
    tag += 'fields = {{ ext_id = "id" }}\n'
    steps = [tag.format("on", "tag_users", one), tag.format("off", "untag_users", other)]
    path = write('source.files = "a.csv"\n' + "".join(steps))
    if line is None:
        assert len(read_job(path).steps) == 2
        return
    ((found, sentence),) = problems_of(path)
    second = 1 + steps[0].count("\n") + 1
    assert second <= found <= second + steps[1].count("\n")
    assert sentence.startswith("on and off draw on one allowance of the account")
    assert words in sentence

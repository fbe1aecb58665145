"""Models of dbt as sources, and jobs as its exposures; the manifest is one of dbt 1.10, shortened."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from netaudience.cli import main
from netaudience.errors import ConfigurationError
from netaudience.jobs.connectors.dbt import query_of
from netaudience.jobs.extract.table import open_source
from netaudience.jobs.spec.model import DbtModel, Secret, Source
from netaudience.jobs.spec.parse import read_job

MANIFEST = Path(__file__).parent / "dbt_manifest.json"
JOB = """
[source]
connection = "dbapi:duckdb"
uri = { env = "WAREHOUSE_URI" }
dbt = { manifest = "target/manifest.json", model = "MODEL" }
key = "user_id"
[[step]]
vendor = "netmera"
operation = "set_profile_attributes"
mode = "changed-only"
[step.fields]
ext_id = "user_id"
"profile.age" = "age"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "target").mkdir()
    shutil.copy(MANIFEST, tmp_path / "target" / "manifest.json")
    (tmp_path / "job.toml").write_text(JOB.replace("MODEL", "audience"))
    return tmp_path


def changed(folder: Path, **about: object) -> None:
    """Put models of another package and of several versions into the manifest."""
    path = folder / "target" / "manifest.json"
    told = json.loads(path.read_bytes())
    told |= about
    nodes = told["nodes"]
    nodes["model.crm.audience"] = {**nodes["model.shop.audience"], "package_name": "crm"}
    for version in (1, 2):
        of_version = {
            "name": "people",
            "version": version,
            "relation_name": f'"shop"."crm"."people_v{version}"',
        }
        nodes[f"model.shop.people.v{version}"] = {**nodes["model.shop.audience"], **of_version}
    path.write_text(json.dumps(told))


def test_a_model_is_read_by_the_name_that_dbt_gave_its_table(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    duckdb = pytest.importorskip("duckdb")
    place = project / "shop.duckdb"  # its name is what dbt calls the database
    with duckdb.connect(str(place)) as connection:
        connection.execute("create schema crm")
        connection.execute(
            "create table crm.audience as select 'id' || i as user_id, i as age from range(5) t(i)"
        )
        connection.execute(
            'create view crm."site visitors" as select user_id from crm.audience where age = 3'
        )
    monkeypatch.setenv("WAREHOUSE_URI", str(place))
    source = read_job(project / "job.toml").source
    with open_source(source, project) as table:
        assert (list(table.columns), table.count()) == (["user_id", "age"], 5)
    views = Source(
        connection="dbapi:duckdb",
        uri=Secret(env="WAREHOUSE_URI"),
        dbt=DbtModel(source.dbt.manifest, "visitors"),
    )  # type: ignore[union-attr]
    with open_source(views, project) as table:
        assert table.count() == 1


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("visitors", 'select * from "shop"."crm"."site visitors"'),
        ("crm.audience", 'select * from "shop"."crm"."audience"'),
        ("people.v2", 'select * from "shop"."crm"."people_v2"'),
        ("shop.people.v1", 'select * from "shop"."crm"."people_v1"'),
        ("audience", "has several models audience: name one of shop.audience, crm.audience"),
        ("people", "has several models people: name one of shop.people.v1, shop.people.v2"),
        ("audiences", "has no model audiences: did you mean audience?"),
        ("zzz", "has no model zzz: it has crm.audience, shop.audience, shop.gold, shop.people.v1"),
        ("gold", "The model gold is ephemeral, so there is no table to read: make it a table or a view"),
    ],
)
def test_a_model_is_found_or_told(project: Path, model: str, told: str) -> None:
    changed(project)
    dbt = DbtModel("target/manifest.json", model)
    if told.startswith("select"):
        assert query_of(dbt, project) == told
        return
    with pytest.raises(ConfigurationError) as caught:
        query_of(dbt, project)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


V7 = b'{"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v7.json"}, "nodes": {}}'


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, r"target/manifest.json cannot be read \(No such file or directory\): write it with dbt"),
        (b"{", "is no manifest of dbt: name the manifest.json in the project's folder target"),
        (b"[]", "is no manifest of dbt"),
        (b'{"metadata": []}', "is no manifest of dbt"),
        (
            V7,
            "is a manifest of version 7, and 12 is the oldest that is read: write it with dbt",
        ),
        (V7.replace(b"v7", b"v12"), "has no model audience: it has none"),
        (V7.replace(b"v7", b"v12").replace(b"{}", b"[1]"), "has no model audience: it has none"),
    ],
)
def test_a_wrong_manifest_is_told_in_a_sentence(project: Path, content: bytes | None, told: str) -> None:
    path = project / "target" / "manifest.json"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=told) as caught:
        open_source(read_job(project / "job.toml").source, project)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ('dbt = { manifest = "m", model = "a" }', "and a connection where it is: add connection"),
        (
            'dbt = { manifest = "m", model = "a" }\nfiles = "u.csv"',
            "and a connection where it is: add connection",
        ),
        (
            'connection = "snowflake"\nuri = { env = "U" }\ndbt = "a"',
            "dbt names a manifest and one of its models",
        ),
        (
            'connection = "snowflake"\nuri = { env = "U" }\ndbt = { model = "a" }',
            "dbt names a manifest and one",
        ),
        (
            'connection = "bigquery"\ndbt = { manifest = "m", model = "a" }\nsql = "select 1"',
            "dbt stands in the place of sql: leave one of the two out",
        ),
    ],
)
def test_what_is_said_of_a_model_is_held_to_its_form(tmp_path: Path, lines: str, told: str) -> None:
    path = tmp_path / "job.toml"
    path.write_text(f"[source]\nkey = 'id'\n{lines}\n[[step]]{JOB.partition('[[step]]')[2]}")
    with pytest.raises(ConfigurationError, match=told) as caught:
        read_job(path)
    assert "problems" not in str(caught.value), "one mistake is reported once"


def test_jobs_are_exposures(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    yaml = pytest.importorskip("yaml")
    changed(project)
    (project / "job.toml").write_text('name = "nightly.2"' + JOB.replace("MODEL", "crm.audience"))
    (project / "more").mkdir()
    (project / "more" / "versions.toml").write_text(
        JOB.replace("MODEL", "people.v2").replace("target", "../target")
    )
    (project / "pyproject.toml").write_text("[project]\nname = 'no job'")
    (project / "broken.toml").write_text("[source")
    assert (
        main(["exposures", str(project), "--owner", "CRM: \"team\" 'İ'", "--email", "crm@example.com"]) == 0
    )
    told = yaml.safe_load(capsys.readouterr().out)
    owner = {"name": "CRM: \"team\" 'İ'", "email": "crm@example.com"}
    about = {
        "type": "application", "owner": owner,
        "description": "netaudience carries its rows to Netmera set_profile_attributes.",
    }  # fmt: skip
    assert told == {
        "version": 2,
        "exposures": [
            {"name": "nightly_2", "label": "nightly.2", "depends_on": ["ref('crm', 'audience')"], **about},
            {"name": "versions", "label": "versions", "depends_on": ["ref('people', v=2)"], **about},
        ],
    }


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, "has no job file that reads a model of dbt: add dbt = { … } to [source]"),
        (
            {"a.toml": 'name = "x"' + JOB, "b.toml": 'name = "x"' + JOB},
            "are both called x: give one of them another",
        ),
        ({"a.toml": JOB.replace("MODEL", "nope")}, "has no model nope: it has shop.audience"),
        ({"a.toml": JOB.replace("netmera", "netmer")}, "there is no vendor of that name"),
    ],
)
def test_exposures_that_cannot_be_told_are_a_sentence(
    project: Path, files: dict[str, str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "job.toml").unlink()
    for name, text in files.items():
        (project / name).write_text(text.replace("MODEL", "audience"))
    assert main(["exposures", str(project)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert told in shown.err


@pytest.mark.slow
def test_dbt_itself_takes_the_exposures_and_gives_the_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dbt = shutil.which("dbt") or shutil.which("dbt", path=str(Path(sys.executable).parent))
    if dbt is None:
        pytest.skip("dbt is in an environment of its own: nox -s dbt")

    def do(*words: str) -> str:
        found = subprocess.run([dbt, *words], cwd=tmp_path, check=False, text=True, capture_output=True)
        assert found.returncode == 0, found.stdout
        return found.stdout

    for name, text in {
        "dbt_project.yml": 'name: shop\nversion: "1.0"\nprofile: shop\nmodels:\n  +materialized: table\n',
        "profiles.yml": "shop:\n  target: dev\n  outputs:\n"
        "    dev: {type: duckdb, path: shop.duckdb, schema: crm}\n",
        "models/audience.sql": "select 'id' || i as user_id, i as age from range(200) t(i)",
        "job.toml": 'name = "nightly"' + JOB.replace("MODEL", "audience"),
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
    do("build")
    assert main(["exposures", str(tmp_path)]) == 0
    (tmp_path / "models" / "exposures.yml").write_text(capsys.readouterr().out)
    do("--warn-error", "parse")
    assert "exposure:shop.nightly" in do("ls", "--select", "+exposure:nightly")
    assert "shop.audience" in do("ls", "--select", "+exposure:nightly", "--resource-type", "model")
    monkeypatch.setenv("WAREHOUSE_URI", str(tmp_path / "shop.duckdb"))
    with open_source(read_job(tmp_path / "job.toml").source, tmp_path) as table:
        assert table.count() == 200

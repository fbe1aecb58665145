"""What must hold before a change lands, one session for each kind of check; `nox --list` names them.

`nox` gives every session an environment of its own. `.ci/run` calls the same sessions inside the README's
`.venv` (`nox --default-venv-backend none`), where all they need is installed already.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import partial
from pathlib import Path

import nox

nox.needs_version = ">=2025.5"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", "imports", "tests"]

ROOT = Path(__file__).parent
DIST = ROOT / "dist"
#: What each install of the wheel is tried with: the base, and every extra that users install.
INSTALLS = [
    "base",
    "cli",
    "xlsx",
    "otel",
    "prometheus",
    "openlineage",
    "mcp",
    "dlt",
    "redis,postgresql",
    "celery,django,fastapi",
]
#: Schedulers whose packages do not get on with one another: what to install, by what to import.
SCHEDULERS = {"airflow": "apache-airflow>=3", "dagster": "dagster>=1.13", "prefect": "prefect>=3.4"}
#: CI's options for pytest are of a plugin that those environments do not have.
NO_PLUGIN = {"PYTEST_ADDOPTS": ""}
#: What no user's install may bring, as pip-licenses writes it: terms that reach beyond the package, or none.
REFUSED_LICENCES = re.compile(
    "GPL|General Public|SSPL|BUSL|Commons Clause|Proprietary|UNKNOWN", re.IGNORECASE
)


def need(session: nox.Session, extra: str) -> None:
    """Install an extra of this checkout, unless the session runs where everything is."""
    if session.venv_backend != "none":
        session.install("--editable", f".[{extra}]")


@nox.session
def tests(session: nox.Session) -> None:
    """The tests, without those that take long; arguments go to pytest."""
    need(session, "test")
    session.run("python", "-m", "pytest", "-n", "2", *session.posargs)


@nox.session
def slow(session: nox.Session) -> None:
    """The tests that take long: real brokers and databases, real kills, a million rows, all of properties."""
    need(session, "test-stores")
    need(session, "test-warehouses")
    need(session, "test-spark")
    pytest = ("python", "-m", "pytest", "-n", "2", "-m")
    session.run(*pytest, "slow", "--durations=20", *session.posargs)
    session.run(*pytest, "hypothesis and not slow", *session.posargs, env={"NETAUDIENCE_EXAMPLES": "all"})


@nox.session
def lint(session: nox.Session) -> None:
    """The hooks of .pre-commit-config.yaml, over all files."""
    need(session, "dev")
    session.run("pre-commit", "run", "--all-files", "--show-diff-on-failure")


@nox.session
def types(session: nox.Session) -> None:
    """Both type checkers, over the package, the examples of its types, and the benchmarks."""
    need(session, "dev")
    for checked in ([], ["tests/typing"], ["--package", "benchmarks"]):
        session.run("mypy", *checked)
    own = None if session.venv_backend == "none" else session.bin
    python = shutil.which("python", path=own) or "python"
    for project in ([], ["--project", "tests/typing"]):
        session.run("pyright", "--pythonpath", python, *project)


@nox.session
def imports(session: nox.Session) -> None:
    """Which room may import which: the contracts of import-linter in pyproject.toml."""
    need(session, "dev")
    session.run("lint-imports")


@nox.session
def build(session: nox.Session) -> None:
    """The wheel and the source archive, in dist/."""
    need(session, "dev")
    shutil.rmtree(DIST, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(DIST), ".", silent=True)
    session.log(", ".join(sorted(path.name for path in DIST.iterdir())))


@nox.session(venv_backend="virtualenv", reuse_venv=False)  # has pip in a moment, venv in five seconds
@nox.parametrize("extra", INSTALLS)
def wheel(session: nox.Session, extra: str) -> None:
    """The built wheel with one extra and nothing else: each does its work, or says what is missing."""
    (built,) = DIST.glob("*.whl")
    # Not compiled: half of the time would go into modules that nobody imports.
    session.install("--no-compile", str(built) if extra == "base" else f"{built}[{extra}]")
    script = ROOT / "tests" / "wheel" / f"install_{extra.replace(',', '_and_')}.py"
    session.chdir(session.create_tmp())  # the package that is imported is the installed one
    session.run("python", "-W", "error", str(script))


@nox.session(venv_backend="venv")
@nox.parametrize("scheduler", list(SCHEDULERS))
def schedulers(session: nox.Session, scheduler: str) -> None:
    """The examples of docs/examples/schedulers, run by one real scheduler in an environment of its own."""
    session.install(SCHEDULERS[scheduler], "--editable", ".[cli]", "pytest", "pytest-asyncio")
    tests = ("tests/jobs/test_jobs_schedulers.py", "-m", "slow", "-k", scheduler)
    session.run("python", "-m", "pytest", *tests, *session.posargs, env=NO_PLUGIN)


@nox.session(venv_backend="virtualenv", reuse_venv=False)
def lock(session: nox.Session) -> None:
    """Write constraints-dev.txt anew: the newest versions of all that the work on this needs."""
    session.install("--editable", ".[dev,docs,test-spark,test-stores,test-warehouses]")
    told = session.run("python", "-m", "pip", "freeze", "--exclude-editable", silent=True)
    (ROOT / "constraints-dev.txt").write_text(str(told), encoding="utf-8")


@nox.session(venv_backend="venv")
def dbt(session: nox.Session) -> None:
    """A project of dbt with its exposures and our source, by dbt itself in an environment of its own."""
    # Where an old one is to be built of its source, pip goes back through all versions and finds none.
    session.install("--only-binary=:all:", "dbt-core>=1.10", "dbt-duckdb>=1.10")
    session.install("--editable", ".[cli]", "pytest", "pytest-asyncio")
    session.run("python", "-m", "pytest", "tests/jobs/test_jobs_dbt.py", "-m", "slow", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation as a site in build/docs; a warning, or a link that leads nowhere, fails."""
    need(session, "docs")
    site = ROOT / "build" / "docs"
    shutil.rmtree(site, ignore_errors=True)
    session.run("sphinx-build", "--fail-on-warning", "--keep-going", "--quiet", "docs", str(site))
    session.run("python", "docs/_check_links.py", str(site))


@nox.session
def changelog(session: nox.Session) -> None:
    """Move the pieces of docs/changes into CHANGELOG.md as those of a version, which is the argument."""
    need(session, "dev")
    session.run("towncrier", "build", "--yes", "--version", *session.posargs)


@nox.session
def benchmarks(session: nox.Session) -> None:
    """That the benchmarks run and their controls hold; a busy machine may break a promise about speed.

    Those are left out that take minutes because they wait, and whose laws the slow tests hold as well.
    """
    need(session, "test")
    few = ("--quick", "--pairs", "6", "--attempts", "6", "--without", "P13,P14,P15,L1")
    session.run("python", "-m", "benchmarks", *few, *session.posargs)


@nox.session(venv_backend="virtualenv", reuse_venv=False)
def supply(session: nox.Session) -> None:
    """What a user's install brings: its licences, a bill of materials in dist/, and its known weaknesses."""
    (built,) = DIST.glob("*.whl")
    session.install(f"{built}[{','.join(INSTALLS[1:])}]")
    python = str(Path(session.bin) / "python")
    tool = partial(session.run, external=True)
    listed = json.loads(
        str(tool("pip-licenses", "--python", python, "--from=mixed", "--format=json", silent=True))
    )
    refused = [each for each in listed if REFUSED_LICENCES.search(each["License"])]
    if refused or not listed:
        session.error("; ".join(f"{each['Name']}: {each['License']}" for each in refused) or "nothing listed")
    bill = DIST / "sbom.cdx.json"
    tool("cyclonedx-py", "environment", python, "--output-file", str(bill))
    found = json.loads(bill.read_text(encoding="utf-8"))["components"]
    session.log(f"{len(listed)} licences agreed to, {len(found)} components in {bill.name}")
    (packages,) = Path(session.virtualenv.location).glob("lib/python*/site-packages")
    known = str(
        tool(
            "pip-audit",
            f"--path={packages}",
            "--format=json",
            "--progress-spinner=off",
            silent=True,
            success_codes=[0, 1],
            stderr=subprocess.DEVNULL,
        )
    )
    if not known.startswith("{"):
        session.warn("The list of known weaknesses cannot be reached from here: nothing was compared with it")
        return
    weak = [each for each in json.loads(known)["dependencies"] if each.get("vulns")]
    if weak:
        session.error("; ".join(f"{e['name']} {e['version']}: {e['vulns'][0]['id']}" for e in weak))
    session.log("no known weakness")

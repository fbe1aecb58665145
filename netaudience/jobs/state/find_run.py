"""A run by what a person calls it: its id, its folder, its job, or ``latest``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from netaudience.errors import ConfigurationError
from netaudience.jobs.state.run_folder import RunFolder, folders_here, runs_of


def find_run(name: str, folders: Iterable[Path] = ()) -> RunFolder:
    """Return a run by the path of its folder, its id or the beginning of it, or the newest of a job.

    Args:
        name: What the user says: besides a run itself, a job's file or name stands for its newest run, and
            ``latest`` for the newest of all where only one job has runs.
        folders: The jobs' folders to look in; those below ``.netaudience`` here where none is given.

    Raises:
        ConfigurationError: there is none, or there are several.
    """
    path = Path(name).expanduser()
    if (path / "run.json").is_file():
        return RunFolder(path.resolve())
    if path.suffix == ".toml":
        return _newest_of(path)
    jobs = {folder.name: runs for folder in folders or folders_here() if (runs := runs_of(folder))}
    known = sorted((run for runs in jobs.values() for run in runs), key=lambda run: run.id, reverse=True)
    if name == "latest" and len(jobs) > 1:
        raise ConfigurationError(
            f"latest could be of several jobs here: {', '.join(sorted(jobs))}. Give one of these names "
            f"instead, or the id of a run: the newest is {known[0].id}, of {known[0].path.parent.parent.name}"
        )
    if name == "latest" and known:
        return known[0]
    found = jobs[name][:1] if name in jobs else [run for run in known if run.id.startswith(name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigurationError(
            f"{len(found)} runs begin with {name!r}: give more of the id, such as {found[0].id}"
        )
    if not known:
        raise ConfigurationError(
            f"There is no run {name!r}: no job that is kept beside here has been run. Go to the folder of "
            "the job file, or give the path of the run's folder; netaudience run JOB starts a first one"
        )
    raise ConfigurationError(
        f"There is no run {name!r}: the newest is {known[0].id}. Give its id or the path of its folder"
    )


def _newest_of(file: Path) -> RunFolder:
    """Return the newest run of a job file."""
    from netaudience.jobs.spec.parse import read_job  # noqa: PLC0415 - costs a program's start
    from netaudience.jobs.state.fetch_state import fetch_state  # noqa: PLC0415 - likewise

    runs = runs_of(fetch_state(read_job(file)))
    if not runs:
        raise ConfigurationError(f"{file} has no run yet: netaudience run {file} starts a first one")
    return runs[0]

"""What a run of a verb was started with, kept in its folder, so that it can be gone on with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Self, cast

import attrs

from netaudience.errors import ConfigurationError
from netaudience.jobs.spec.action import Action
from netaudience.jobs.spec.model import Source
from netaudience.jobs.state.run_folder import RunFolder, replace
from netaudience.model.verb_facts import Identity
from netaudience.model.wire import load_json, structure
from netaudience.verbs.beforehand import Beforehand

_STARTED = "verb.json"


@attrs.frozen(kw_only=True)
class Started:
    """What a run of a verb was started with, so that it can be gone on with."""

    action: Action
    vendors: list[str]
    #: What is to be done for the same people afterwards, in this order.
    then: list[Action] = attrs.field(factory=list["Action"])
    #: For how many people somebody has agreed to it.
    agreed: int | None = None
    #: None where the people were given by a program.
    source: Source | None = None
    chosen: dict[str, str | None] = attrs.field(factory=dict[str, "str | None"])
    #: The file of receipts, if there is one.
    receipts: str | None = None
    #: What was found of the people before, by the row: see `Beforehand`.
    found: dict[str, dict[str, str]] = attrs.field(factory=dict[str, dict[str, str]], repr=False)
    added: list[str] = attrs.field(factory=list[str])
    refused: dict[str, dict[str, str]] = attrs.field(factory=dict[str, dict[str, str]], repr=False)
    #: What tells the people from others as they were given, where something was found.
    people: str | None = None

    @property
    def before(self) -> Beforehand:
        """What was found of the people."""
        return Beforehand(
            found={int(row): ids for row, ids in self.found.items()},
            added=tuple(self.added),
            refused={int(row): why for row, why in self.refused.items()},
            source=self.people,
        )

    def knowing(self, before: Beforehand) -> Self:
        """Return the same with what was found of the people."""
        return attrs.evolve(
            self,
            found={str(row): ids for row, ids in before.found.items()},
            added=list(before.added),
            refused={str(row): why for row, why in before.refused.items()},
            people=before.source,
        )

    def keep(self, run: RunFolder) -> None:
        """Write it into the folder of the run."""
        replace(run.path / _STARTED, json.dumps(attrs.asdict(self)).encode())

    def columns(self) -> Mapping[Identity, str | None]:
        """Return the columns that somebody has named."""
        return cast("Mapping[Identity, str | None]", self.chosen)


def started_by(run: RunFolder) -> Started | None:
    """Return what the run of a verb was started with; None where it is the run of a job.

    Raises:
        ConfigurationError: it cannot be read, or a program has given the people.
    """
    started = read_started(run)
    if started is not None and started.source is None:
        raise ConfigurationError(
            f"The run {run.id} is one of a program, which gave the people: go on with it there, by resume="
        )
    return started


def read_started(run: RunFolder) -> Started | None:
    """Return what the run of a verb was started with, whoever gave the people; else as `started_by`.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        return structure(load_json((run.path / _STARTED).read_bytes()), Started)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{run.path / _STARTED} cannot be read: start a new run") from error

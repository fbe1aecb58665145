"""Attributes that are set and taken away at all vendors: the report is what the sandbox's state says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from people_at_sandbox import clients, people, settle

from netaudience.cli import main
from netaudience.errors import ConfigurationError
from netaudience.sandbox import BackgroundSandbox, Sandbox, SandboxLimits
from netaudience.vendors import names
from netaudience.verbs import Action, Subject, VerbResult, carry_action

pytest.importorskip("duckdb")

FAST = {slug: SandboxLimits.rate(1000) for slug in names()}
SETTING = ("clevertap", "iterable", "moengage", "netmera")


def tiers(sandbox: Sandbox | BackgroundSandbox, subject: Subject) -> dict[str, object]:
    """Return the attribute as each vendor holds it, None where it does not."""
    name, email = subject.id or "", subject.email or ""
    held: dict[str, Mapping[str, object]] = {
        "clevertap": sandbox.clevertap.profiles[name].data,
        "iterable": sandbox.iterable.by_email[email].data_fields,
        "moengage": sandbox.moengage.customers[name].attributes,
        "netmera": sandbox.netmera.users[name].profile,
    }
    return {vendor: attributes.get("tier") for vendor, attributes in held.items()}


def test_what_is_told_as_set_is_set_and_goes_when_it_is_unset(tmp_path: Path) -> None:
    subjects = [
        Subject(id=one.id, email=one.email, attributes={"level": f"gold{at}"})
        for at, one in enumerate(people(3))
    ]

    async def carry(sandbox: Sandbox, action: Action, whom: list[Subject], **of_moengage: bool) -> VerbResult:
        made = clients(sandbox)

        def with_unsetting(vendor, settings):
            client = made(vendor, settings)
            if vendor.slug != "moengage":
                return client
            return vendor("sandbox", "sandbox", base_url=client.base_url, settings=settings, **of_moengage)

        return await carry_action(
            action, whom, vendors=names(), client_factory=with_unsetting, folder=tmp_path, signals=False
        )

    def statuses(result: VerbResult) -> dict[str, set[str]]:
        return {vendor: {one.status for one in result.verdicts if one.vendor == vendor} for vendor in names()}

    async def run() -> None:
        async with Sandbox(limits=FAST) as sandbox:
            settle(sandbox, subjects)
            sandbox.vendor("moengage").seed({"unset_attributes": True})
            result = await carry(sandbox, Action(verb="set", attributes={"tier": "level"}), subjects[:2])
            told = statuses(result)
            assert told.pop("fynd") == {"cannot"}
            assert set.union(*told.values()) <= {"accepted", "applied"}
            sandbox.advance(60)
            assert tiers(sandbox, subjects[0]) == dict.fromkeys(SETTING, "gold0")
            assert tiers(sandbox, subjects[2]) == dict.fromkeys(SETTING)

            unset = Action(verb="unset", attributes={"tier": None})
            result = await carry(sandbox, unset, subjects[:1])
            (reason,) = {one.reason for one in result.verdicts if one.vendor == "moengage"}
            assert "do nothing unless MoEngage has enabled them" in (reason or "")
            assert statuses(result)["moengage"] == {"failed"}
            sandbox.advance(60)
            assert tiers(sandbox, subjects[0]) == dict.fromkeys(SETTING) | {"moengage": "gold0"}
            await carry(sandbox, unset, subjects[:1], unset_attributes=True)
            sandbox.advance(60)
            assert tiers(sandbox, subjects[0]) == dict.fromkeys(SETTING)
            assert tiers(sandbox, subjects[1]) == dict.fromkeys(SETTING, "gold1")

    asyncio.run(run())


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"verb": "set"}, "the names of attributes"),
        ({"verb": "erase", "attributes": {"a": "a"}}, "no attribute"),
        ({"verb": "set", "attributes": {"a": None}}, "needs a column for a"),
        ({"verb": "unset", "attributes": {"a": "a"}}, "no column for a"),
    ],
)
def test_an_attribute_has_a_column_where_it_is_set(said: dict, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        Action(**said)


def test_the_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "people.csv").write_text("id,score,level\nid0,7,gold\nid1,8,\n")
    monkeypatch.chdir(tmp_path)
    with BackgroundSandbox(Sandbox(limits=FAST)) as sandbox:
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        settle(sandbox, people(2))
        words = ["people.csv", "--attribute", "tier=level", "--vendor", "clevertap"]
        assert main(["set", "people.csv", "--attribute", "tier=levle", "--vendor", "clevertap"]) == 2
        assert "no column 'levle': did you mean level" in capsys.readouterr().err
        assert main(["set", *words, "--attribute", "score", "--typed", "score", "--plan"]) == 0
        told = capsys.readouterr().out
        assert "--attribute tier=level --attribute score --typed score --vendor clevertap\n" in told
        assert main(["set", *words]) == 3
        first, second = map(json.loads, capsys.readouterr().out.splitlines())
        assert (first["status"], second["status"]) == ("applied", "failed")
        assert "nothing to send" in second["reason"]
        typed = ["set", "people.csv", "--attribute", "score", "--typed", "score", "--vendor", "clevertap"]
        assert main(typed) == 0
        held = sandbox.clevertap.profiles["id0"].data
        assert (held["tier"], held["score"]) == ("gold", 7)
        assert main(["unset", "people.csv", "--attribute", "score", "--vendor", "clevertap"]) == 0
        assert "score" not in sandbox.clevertap.profiles["id1"].data
        assert main(["unset", "people.csv", "--attribute", "a", "--attribute", "a"]) == 2

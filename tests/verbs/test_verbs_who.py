"""What vendors hold of a person: by all ids, with what is not reported, and masked unless it is asked for."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from people_at_sandbox import clients, people, settle

from netaudience.cli import main
from netaudience.errors import ConfigurationError
from netaudience.sandbox import BackgroundSandbox, Fault, Sandbox, SandboxLimits
from netaudience.vendors import clients as all_clients
from netaudience.vendors import look_up_of, names
from netaudience.verbs import Known, Subject, who

FAST = {slug: SandboxLimits.rate(1000) for slug in names()}
ADA = people(1)[0]


def asked(subject: Subject, *vendors: str, faults: tuple[Fault, ...] = ()) -> dict[tuple[str, str], Known]:
    async def run() -> list[Known]:
        async with Sandbox(limits=FAST, faults=faults) as sandbox:
            settle(sandbox, [ADA])
            made = clients(sandbox, project_type="hybrid")
            return await who(subject, vendors=vendors or names(), client_factory=made)

    return {(known.vendor, known.about): known for known in asyncio.run(run())}


def test_facts_name_what_the_vendor_has() -> None:
    for client in all_clients():
        facts = look_up_of(client)
        assert facts is not None
        for question in facts.questions:
            operation = client.operations()[question.operation]
            assert operation.facts.acknowledges == "answered"
            assert not operation.facts.destructive
            assert question.arguments.keys() <= operation.parameters.keys()
            assert (operation.shape == "query") == bool(question.parameter)
            assert not question.parameter or question.parameter in operation.parameters


def test_each_vendor_tells_what_it_holds() -> None:
    found = asked(ADA)
    held = {vendor: known.held for (vendor, about), known in found.items() if about.startswith("profile")}
    assert held["netmera"] == {"name": "Ada"}
    assert held["moengage"]["u_em"] == ADA.email
    assert held["iterable"]["userId"] == ADA.id
    assert (held["clevertap"]["identity"], held["clevertap"]["Email"]) == (ADA.id, ADA.email)
    assert found["fynd", "customers found"].status == "nothing_there"
    assert all(known.not_shown for known in found.values())
    assert ADA.email not in repr(found)


def test_a_person_of_whom_the_address_alone_is_known_is_found_where_that_can_be() -> None:
    found = asked(Subject(email=ADA.email))
    assert found["clevertap", "profile"].held["identity"] == ADA.id
    assert found["iterable", "profile of the address"].status == "found"
    assert found["iterable", "profile of the id"].status == "missing_id"
    assert found["netmera", "profile"].status == "missing_id"


def test_an_id_that_is_not_there_does_not_hide_an_address_that_is() -> None:
    found = asked(Subject(id="other", email=ADA.email), "clevertap")
    assert (found["clevertap", "profile"].status, found["clevertap", "profile"].identity) == (
        "found",
        "email",
    )


def test_nobody_is_nothing_there_and_no_answer_is_told_as_such() -> None:
    found = asked(Subject(id="nobody"), "netmera", "moengage", "clevertap")
    assert {known.status for known in found.values()} == {"nothing_there"}
    found = asked(ADA, "netmera", faults=(Fault("status", status=401),))
    assert {known.status for known in found.values()} == {"no_answer"}
    assert all(known.reason for known in found.values())


@pytest.mark.parametrize("subject", [Subject(), Subject(id="")])
def test_nobody_at_all_is_refused(subject: Subject) -> None:
    with pytest.raises(ConfigurationError, match="Say who is meant"):
        asked(subject)


def test_the_command_masks_values_and_names_rows_that_were_not_delivered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("duckdb")
    monkeypatch.chdir(tmp_path)
    Path("users.csv").write_text("id\nid0\n id0\n")
    Path("tags.toml").write_text(
        '[source]\nfiles = "users.csv"\n[[step]]\nvendor = "netmera"\noperation = "tag_users"\n'
        'arguments = { tag = "vip" }\nfields = { ext_id = "id" }\n[guards]\nmax-rejected = "100%"\n'
    )
    with BackgroundSandbox(Sandbox(limits=FAST)) as sandbox:
        settle(sandbox, [ADA])
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        assert main(["run", "tags.toml", "--quiet"]) == 3
        capsys.readouterr()
        words = ["who", "--id", "id0", "--email", ADA.email or ""]
        words += ["--vendor", "clevertap", "--vendor", "netmera"]
        assert main(words) == 0
        told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert told[0]["held"] == {"identity": "…", "Email": "…om"}
        (missed,) = (one for one in told if one["about"] == "undelivered")
        assert (missed["step"], missed["outcome"], missed["by"]) == ("netmera-tag-users", "rejected", "rule")
        assert main([*words, "--show"]) == 0
        shown = json.loads(capsys.readouterr().out.splitlines()[0])
        assert shown["held"] == {"identity": "id0", "Email": ADA.email}
        assert main(["who"]) == 2

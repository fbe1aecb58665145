"""Every verb at every vendor that has it: effect, unknown people, refusal, and answers that are lost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import attrs
import pytest
from examples import mostly_slow
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from people_at_sandbox import DAY, DOCUMENTED, clients
from verb_states import EVERY, OPTED_OUT, PLACES, TAKING, able, action_of, begin, people_of, stands

from netaudience.client import Client
from netaudience.errors import NetaudienceError
from netaudience.model.verb_facts import Channel, Verb, key_of
from netaudience.sandbox import Fault, Sandbox, SandboxLimits
from netaudience.settings import Settings
from netaudience.vendors import client_of, names, verbs_of
from netaudience.verbs import Subject, Verdict, carry_action
from netaudience.verbs.asking import shown_by

pytest.importorskip("duckdb")

FAST = {slug: SandboxLimits.rate(1000) for slug in names()}
DONE = {"applied", "accepted", "nothing_there"}


def carried(
    verb: Verb,
    channel: Channel | None,
    folder: Path,
    *,
    known: int = 2,
    unknown: int = 0,
    faults: Sequence[Fault] = (),
    seed: int = 0,
) -> tuple[list[Verdict], dict[tuple[int, str], bool], dict[tuple[int, str], bool]]:
    """Do it for people; return the verdicts, and for whom it is so before and after, as the state says."""
    subjects = people_of(known + unknown)
    vendors = able(verb, channel)
    (folder / "optouts.csv").write_text(OPTED_OUT)

    async def run():
        async with Sandbox(limits=FAST, delay=DOCUMENTED, seed=seed) as sandbox:
            begin(sandbox, verb, channel, subjects[:known])
            before = state(sandbox)
            sandbox.set_faults(faults)
            made = clients(sandbox, project_type="hybrid")

            def client(vendor: type[Client], of: Settings) -> Client:
                if vendor.slug != "moengage":
                    return made(vendor, of)
                of = made(vendor, of).settings
                url = sandbox.url("moengage")
                return vendor("sandbox", "sandbox", base_url=url, settings=of, unset_attributes=True)  # type: ignore[call-arg]

            result = await carry_action(
                action_of(verb, channel),
                subjects,
                agreed=len(subjects) if verb in {"erase", "unsuppress"} else None,
                vendors=vendors,
                opt_outs=[folder / "optouts.csv"] if verb == "unsuppress" else [],
                client_factory=client,
                folder=folder,
                signals=False,
            )
            sandbox.advance(8 * DAY)
            return list(result.verdicts), before, state(sandbox)

    def state(sandbox: Sandbox) -> dict[tuple[int, str], bool]:
        return {
            (row, vendor): stands(sandbox, vendor, verb, channel, subject)
            for row, subject in enumerate(subjects, 1)
            for vendor in vendors
        }

    return asyncio.run(run())


def named(one: object) -> str:
    return str(one or "")


@pytest.mark.parametrize(("verb", "channel"), mostly_slow(EVERY, EVERY[::4], unpack=True), ids=named)
def test_what_is_told_as_done_is_so_for_known_and_unknown(
    verb: Verb, channel: Channel | None, tmp_path: Path
) -> None:
    verdicts, before, after = carried(verb, channel, tmp_path, unknown=1)
    vendors = able(verb, channel)
    assert len(verdicts) == 3 * len(vendors)
    assert not any(before[row, vendor] for row in (1, 2) for vendor in vendors), before
    for verdict in verdicts:
        assert verdict.status in DONE, verdict
        ways = verbs_of(client_of(verdict.vendor))[key_of(verb, channel)].ways
        used = [
            way for way in ways if way.operation in verdict.operations and way.takes in verdict.identities
        ]
        if verdict.row != 3:
            assert verdict.status != "nothing_there"
            assert after[verdict.row, verdict.vendor], verdict
        elif all(way.unknown == "told" for way in used):
            assert verdict.status == "nothing_there", verdict
        elif verb in {"suppress", "leave", "unset", "erase"}:
            assert after[verdict.row, verdict.vendor], verdict


@pytest.mark.slow
@pytest.mark.parametrize(("verb", "channel"), EVERY, ids=named)
def test_what_is_refused_is_told_as_failed_and_nothing_was_done(
    verb: Verb, channel: Channel | None, tmp_path: Path
) -> None:
    try:
        verdicts, before, after = carried(verb, channel, tmp_path, faults=[Fault("status", status=400)])
    except NetaudienceError:  # a vendor that is asked for its schema first gave none: nothing was sent
        return
    # The consents of whom the vendor is asked about are not known then.
    allowed = {"failed", "cannot"} if verb == "unsuppress" else {"failed"}
    assert {one.status for one in verdicts} <= allowed
    assert all(one.reason for one in verdicts)
    assert after == before


@pytest.mark.slow
@pytest.mark.parametrize("after", [0, 1, 2])
@pytest.mark.parametrize(("verb", "channel"), EVERY, ids=named)
def test_an_answer_that_is_lost_is_never_told_as_what_is_not_so(
    verb: Verb, channel: Channel | None, after: int, tmp_path: Path
) -> None:
    faults = [Fault("reset-after", first=1, after=after, vendor=slug) for slug in able(verb, channel)]
    verdicts, _, then = carried(verb, channel, tmp_path, faults=faults)
    for verdict in verdicts:
        assert verdict.status in {*DONE, "in_doubt", "failed"}
        assert verdict.status not in DONE or then[verdict.row, verdict.vendor], verdict


KINDS = [
    *(Fault(kind) for kind in ("reset-after", "reset-before", "html", "truncated", "lost")),
    *(Fault("status", status=status) for status in (400, 401, 429, 503)),
    Fault("status", status=429, retry_after="0"),
]


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), about=st.sampled_from(TAKING), seed=st.integers(0, 99))
def test_nobody_is_told_as_done_for_whom_it_is_not_gone(
    data: st.DataObject, about: tuple[Verb, Channel | None], seed: int, tmp_path_factory
) -> None:
    verb, channel = about
    faults = data.draw(
        st.lists(
            st.builds(
                lambda kind, first, after, vendor: attrs.evolve(
                    kind, first=first, after=after, vendor=vendor
                ),
                st.sampled_from(KINDS),
                first=st.none() | st.integers(1, 4),
                after=st.integers(0, 3),
                vendor=st.sampled_from(able(verb, channel)),
            ),
            max_size=3,
        )
    )
    known, unknown = data.draw(st.integers(1, 4)), data.draw(st.integers(0, 2))
    folder = tmp_path_factory.mktemp("run")
    try:
        verdicts, _, after = carried(
            verb, channel, folder, known=known, unknown=unknown, faults=faults, seed=seed
        )
    except NetaudienceError:
        return  # nothing was sent
    assert len(verdicts) == (known + unknown) * len(able(verb, channel))
    losing = {fault.vendor for fault in faults if fault.kind == "lost"}
    for verdict in verdicts:
        # What a vendor loses after it has taken it, no verdict of the day can know: it is never "applied",
        # and says from when on a look tells more, wherever the vendor has one.
        if verdict.vendor in losing and verdict.status == "accepted":
            ways = verbs_of(client_of(verdict.vendor))[key_of(verb, channel)].ways
            used = [
                one for one in ways if one.operation in verdict.operations and one.takes in verdict.identities
            ]
            looks = any(shown_by(client_of(verdict.vendor), one) for one in used)
            assert (verdict.verify_from is not None) == looks, verdict
        else:
            assert not verdict.done or after[verdict.row, verdict.vendor], verdict


def variants(number: int) -> tuple[str, str]:
    """Return an address as somebody has written it, and as it is stored."""
    stored = (
        f"person{number}@example.com",
        f"person{number}+news@example.com",
        f"jörg.{number}@example.com",
        f"o'brien-{number}@sub.example.co.uk",
    )[number % 4]
    return (stored, stored.upper(), f"  {stored} ", f"\t{stored.title()}")[number // 4 % 4], stored


@pytest.mark.parametrize("count", [64, pytest.param(5000, marks=pytest.mark.slow)])
def test_opt_outs_reach_whoever_is_meant_however_the_address_is_written(count: int, tmp_path: Path) -> None:
    vendors = ["clevertap", "iterable", "moengage"]
    written = [variants(number) for number in range(count)]
    # Of each a neighbour who is not meant: the same name without what stands behind the plus.
    others = [f"person{number}@example.com" for number in range(count) if number % 4 == 1]
    lines = ["email", *(f'"{address}"' for address, _ in written), ""]
    (tmp_path / "optouts.csv").write_text("\n".join(lines), encoding="utf-8")

    async def run() -> None:
        async with Sandbox(limits=FAST) as sandbox:
            stored = [Subject(id=f"id{at}", email=one) for at, (_, one) in enumerate(written)]
            stored += [Subject(id=f"other{at}", email=one) for at, one in enumerate(others)]
            begin(sandbox, "suppress", "email", stored)
            result = await carry_action(
                action_of("suppress", "email"),
                tmp_path / "optouts.csv",
                vendors=vendors,
                client_factory=clients(sandbox, project_type="email"),
                folder=tmp_path,
                signals=False,
            )
            assert len(result.verdicts) == count * len(vendors)
            told = {(one.row, one.vendor): one for one in result.verdicts}
            for at, one in enumerate(stored[:count]):
                for vendor in vendors:
                    verdict = told[at + 1, vendor]
                    so = stands(sandbox, vendor, "suppress", "email", one)
                    assert so or not verdict.done, (one.email, verdict)
                    assert verdict.done or verdict.reason, verdict
                    assert verdict.done or not (written[at][0] == one.email and one.email.isascii()), verdict
            assert not any(
                stands(sandbox, vendor, "suppress", "email", one)
                for one in stored[count:]
                for vendor in vendors
            )

    asyncio.run(run())


def test_the_places_are_those_of_every_vendor_that_has_them() -> None:
    placed = {slug for slug in names() if verbs_of(client_of(slug))["join"].place}
    assert placed == {"iterable", "fynd"} <= PLACES.keys()

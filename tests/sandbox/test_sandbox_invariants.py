"""The four checks: each holds on a clean run, and each can fail."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from netaudience.sandbox import SandboxLimits

pytestmark = pytest.mark.asyncio


def _rows(*pairs):
    return [{"extId": ext_id, "profile": {"seq": seq}} for ext_id, seq in pairs]


async def test_a_clean_run_passes_all_four(running):
    async with running(order_attribute="seq") as box:
        await box.post("setProfileAttributes", _rows(("a", 1), ("b", 1), ("a", 2)))
        await box.post("setProfileAttributes", _rows(("a", 2.5), ("b", 1)))
        report = box.sandbox.check("netmera", "setProfileAttributes", ["a", "b"])
        assert report.ok
        assert [check.name for check in report.checks] == ["applied", "order", "overlap", "limit"]
        assert (report.expected, report.applied, report.applications) == (2, 2, 5)
        assert report.more_than_once == 2


async def test_missing_and_unexpected_keys_are_counted_and_ten_are_named(running):
    async with running() as box:
        await box.post("tagUsers", {"tag": "A", "extIds": [f"u{n:02}" for n in range(12)]})
        report = box.sandbox.check("netmera", "tagUsers", [f"m{n:02}" for n in range(12)] + ["u00"])
        assert not report.ok
        sentence = "12 of 13 expected keys were not applied, 11 others were."
        assert report["applied"].sentence == sentence
        assert report.missing == tuple(f"m{n:02}" for n in range(10))
        assert report.unexpected == tuple(f"u{n:02}" for n in range(1, 11))
        # The keys of a report are somebody's ids: they are not in its repr.
        assert "u01" not in repr(report)


async def test_refused_requests_apply_no_key(running):
    async with running(faults=["status=503,first=1"]) as box:
        await box.post("tagUsers", {"tag": "A", "extIds": ["a"]})
        assert not box.sandbox.check("netmera", "tagUsers", ["a"]).ok
        await box.post("tagUsers", {"tag": "A", "extIds": ["a"]})
        report = box.sandbox.check("netmera", "tagUsers", ["a"])
        assert (report.ok, report.more_than_once) == (True, 0)


@pytest.mark.parametrize(
    ("bodies", "inversions"),
    [
        ([[("a", 2), ("a", 1)]], 1),
        ([[("a", 2)], [("a", 1)]], 1),
        ([[("a", 1), ("a", 2)], [("a", 1), ("a", 2)]], 0),
        ([[("a", 1), ("a", 2)], [("a", 3)], [("a", 1), ("a", 2)]], 1),
        ([[("a", 2)], [("b", 1)], [("a", "text")], [("a", True)]], 0),
    ],
    ids=["in a body", "between bodies", "a chunk again", "a chunk again too late", "no numbers"],
)
async def test_the_order_of_values_by_key(running, bodies, inversions):
    async with running(order_attribute="seq") as box:
        for pairs in bodies:
            await box.post("setProfileAttributes", _rows(*pairs))
        check = box.sandbox.check("netmera", "setProfileAttributes")["order"]
        assert check.ok is (inversions == 0)
        if inversions:
            assert check.sentence == "The attribute 'seq' fell once."


async def test_pushed_values_are_watched_too(running):
    async with running(order_attribute="seq") as box:
        await box.post("pushProfileAttributes", _rows(("a", [1, 2])))
        assert box.sandbox.check("netmera", "pushProfileAttributes")["order"].ok
        await box.post("pushProfileAttributes", _rows(("a", [1])))
        assert not box.sandbox.check("netmera", "pushProfileAttributes")["order"].ok


@pytest.mark.parametrize(
    ("operation", "body", "ok"),
    [
        ("setProfileAttributes", _rows(("a", 1)), False),
        ("pushProfileAttributes", _rows(("a", [1])), False),
        ("pullProfileAttributes", _rows(("a", [1])), False),
        ("unsetProfileAttributes", [{"extId": "a", "profile": ["x"]}], False),
        ("setCategoryPreferences", [{"extId": "a", "category": "x", "enable": True}], False),
        ("updateEmail", {"extId": "a", "email": "x"}, False),
        ("updateMsisdn", {"extId": "a", "msisdn": "x"}, False),
        ("updateWhatsApp", {"extId": "a", "wpNumber": "+1"}, False),
        ("tagUsers", {"tag": "x", "extIds": ["a"]}, True),
        ("enableMail", {"extIds": ["a"]}, True),
    ],
)
async def test_two_requests_in_flight_with_the_same_key(running, operation, body, ok):
    async with running(faults=["latency=0.05"]) as box:
        await asyncio.gather(box.post(operation, body), box.post(operation, body))
        assert box.sandbox.check("netmera", operation)["overlap"].ok is ok


async def test_one_after_the_other_is_no_overlap(running):
    async with running() as box:
        for fault in ("", "slow-body=0.01", "reset-before", "reset-after", "status=503"):
            box.sandbox.set_faults([fault] if fault else [])
            for _ in range(3):
                try:
                    await box.post("setProfileAttributes", _rows(("a", 1)))
                except aiohttp.ClientConnectionError:
                    assert fault.startswith("reset")
        assert box.sandbox.check("netmera", "setProfileAttributes")["overlap"].ok


async def test_a_request_above_a_limit_breaks_the_limit_check(running):
    async with running(limits={"netmera": SandboxLimits.rate(1, 600)}) as box:
        body = {"tag": "A", "extIds": ["a"]}
        await box.post("tagUsers", body)
        assert box.sandbox.check("netmera", "tagUsers", ["a"]).ok
        await box.post("tagUsers", body)
        report = box.sandbox.check("netmera", "tagUsers", ["a"])
        assert [check.name for check in report.checks if not check.ok] == ["limit"]


@pytest.mark.parametrize(
    ("vendor", "operation", "sentence"),
    [
        ("netmira", "tagUsers", "The sandbox has no vendor 'netmira'; it has clevertap, "),
        ("netmera", "tagUser", "netmera serves no operation 'tagUser'; the nearest is tagUsers."),
    ],
)
async def test_a_check_of_what_is_not_there_says_so(running, vendor, operation, sentence):
    async with running() as box:
        with pytest.raises(ValueError, match=sentence):
            box.sandbox.check(vendor, operation)

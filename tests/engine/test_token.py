"""A token for many: fetched once for all who wait, renewed in time, and lost with nobody harmed."""

import asyncio
import gc
import json
import logging
import math
from collections import Counter

import pytest
from virtual_time import run
from yarl import URL

from netaudience import RetryPolicy, Settings
from netaudience.client import Client
from netaudience.engine.bearer_token import TokenTransport
from netaudience.errors import (
    AnswerLost,
    ConfigurationError,
    ConnectionFailed,
    Misconfigured,
    Refused,
    Throttled,
    TooLarge,
    Unauthorized,
    Unavailable,
    Unreadable,
    VendorError,
)
from netaudience.model.kinds import Identifiers
from netaudience.model.limits import Quota, assumed
from netaudience.model.wire import Prepared, Request, Response
from netaudience.operations.declare import call
from netaudience.outcomes import Failed

TOKEN_URL = URL("https://vendor.example/token")
LIFE = 3600.0


def prepared(method="POST", body=b"{}"):
    return Prepared(method, URL("https://vendor.example/put"), {"X-Own": "1"}, body, 30.0, 1000)


def ask():
    return Prepared("POST", TOKEN_URL, {"Authorization": "Basic c2VjcmV0"}, b"grant", 30.0, 1000)


def read(response):
    if response.status != 200:
        raise Unauthorized("Tokened", response.status)
    body = json.loads(response.body)
    return body["token"], body["life"]


class Issuer:
    """A vendor that issues tokens ``token-1``, ``token-2``, … and takes those that are good now."""

    def __init__(self, *faults, life=LIFE, latency=1.0):
        #: What the next requests for a token meet: a status, an error, or None for a token.
        self.faults = list(faults)
        self.life, self.latency = life, latency
        self.issued = 0
        self.asked = []
        self.sent = []
        self.took = []
        #: When each token ends; nothing that was revoked is here.
        self.good = {}
        self.accepts = True
        self.closed = False

    async def aclose(self):
        self.closed = True

    async def send(self, request):
        clock = asyncio.get_running_loop().time
        if request.url == TOKEN_URL:
            self.asked.append(request)
            await asyncio.sleep(self.latency)
            fault = self.faults.pop(0) if self.faults else None
            if isinstance(fault, BaseException):
                raise fault
            if fault is not None:
                return Response(fault, {}, b"")
            self.issued += 1
            token = f"token-{self.issued}"
            self.good[token] = clock() + self.life
            return Response(200, {}, json.dumps({"token": token, "life": self.life}).encode())
        self.sent.append(request)
        await asyncio.sleep(0.01)
        scheme, _, token = request.headers["Authorization"].partition(" ")
        assert scheme == "Bearer"
        if not self.accepts or self.good.get(token, -math.inf) <= clock():
            return Response(401, {}, b"no")
        self.took.append(token)
        return Response(200, {}, b"{}")


def transport(issuer, **options):
    return TokenTransport(issuer, ask=ask, read=read, **options)


def test_nothing_is_fetched_before_it_is_needed_and_everything_is_closed():
    issuer = Issuer()
    tokened = transport(issuer)
    run(tokened.aclose())
    assert (issuer.asked, issuer.closed) == ([], True)


def test_the_token_is_added_and_the_request_itself_stays_as_it_was():
    issuer = Issuer()
    request = prepared()

    async def send():
        return await transport(issuer).send(request)

    assert run(send()).status == 200
    (sent,) = issuer.sent
    assert dict(sent.headers) == {"X-Own": "1", "Authorization": "Bearer token-1"}
    assert (sent.method, sent.url, sent.body, sent.timeout) == ("POST", request.url, b"{}", 30.0)
    assert dict(request.headers) == {"X-Own": "1"}
    assert issuer.asked[0].headers["Authorization"] == "Basic c2VjcmV0"


def test_a_thousand_at_once_ask_for_one_token():
    issuer = Issuer()
    tokened = transport(issuer)

    async def send():
        return await asyncio.gather(*(tokened.send(prepared()) for _ in range(1000)))

    assert {answer.status for answer in run(send())} == {200}
    assert (len(issuer.asked), Counter(issuer.took)) == (1, {"token-1": 1000})


# Life, then for seconds after the first request how many tokens were asked for by then.
RENEWALS = [
    (3600.0, [(0, 1), (3478, 1), (3481, 2)]),
    (240.0, [(119, 1), (121, 2)]),
    (100.0, [(49, 1), (51, 2)]),
    (1.0, [(0.4, 1), (0.6, 2)]),
    (math.inf, [(10**9, 1)]),
]


@pytest.mark.parametrize(("life", "moments"), RENEWALS, ids=[str(row[0]) for row in RENEWALS])
def test_it_is_renewed_before_it_ends_once_for_all(life, moments):
    issuer = Issuer(life=life, latency=0.0)
    tokened = transport(issuer)

    async def send():
        clock = asyncio.get_running_loop().time
        await tokened.send(prepared())
        begun = clock()
        for moment, asked in moments:
            await asyncio.sleep(begun + moment - clock())
            answers = await asyncio.gather(*(tokened.send(prepared()) for _ in range(50)))
            assert {answer.status for answer in answers} == {200}
            assert len(issuer.asked) == asked, moment

    run(send())


def test_the_life_begins_when_it_is_asked_for_and_not_when_the_answer_comes():
    issuer = Issuer(life=1000.0, latency=300.0)
    tokened = transport(issuer)

    async def send():
        await tokened.send(prepared())
        await asyncio.sleep(600.0)
        await tokened.send(prepared())

    run(send())
    assert len(issuer.asked) == 2  # after 900 s, though the answer is but 600 s old


def test_a_401_is_met_with_a_fresh_token_once():
    issuer = Issuer()
    tokened = transport(issuer)

    async def send():
        await tokened.send(prepared())
        issuer.good.clear()
        assert (await tokened.send(prepared())).status == 200

    run(send())
    assert (len(issuer.asked), len(issuer.sent), issuer.took) == (2, 3, ["token-1", "token-2"])


def test_a_second_401_is_given_back_as_it_is():
    issuer = Issuer()
    issuer.accepts = False

    async def send():
        return await transport(issuer).send(prepared())

    answer = run(send())
    assert (answer.status, answer.body) == (401, b"no")
    assert (len(issuer.asked), len(issuer.sent)) == (2, 2)


def test_a_revoked_token_is_replaced_once_for_all_and_a_late_401_drops_no_fresh_one():
    issuer = Issuer()
    tokened = transport(issuer)

    async def late():
        # Meets the revoked token's 401 when the others have replaced it long ago.
        issuer.latency, send = 1.0, issuer.send

        async def slow(request):
            answer = await send(request)
            await asyncio.sleep(60 if request.headers["Authorization"] == "Bearer token-1" else 0)
            return answer

        issuer.send = slow
        return await tokened.send(prepared())

    async def send():
        await tokened.send(prepared())
        issuer.good.clear()
        plain = issuer.send
        laggard = asyncio.create_task(late())
        await asyncio.sleep(0)
        issuer.send = plain
        answers = await asyncio.gather(*(tokened.send(prepared()) for _ in range(100)))
        answers.append(await laggard)
        assert {answer.status for answer in answers} == {200}

    run(send())
    assert len(issuer.asked) == 2


@pytest.mark.parametrize("cancelled", [[0], [0, 1, 2], [5], [9]])
def test_who_is_cancelled_leaves_the_others_their_token(cancelled):
    issuer = Issuer()
    tokened = transport(issuer)

    async def send():
        tasks = [asyncio.create_task(tokened.send(prepared())) for _ in range(10)]
        await asyncio.sleep(0.5)
        for index in cancelled:
            tasks[index].cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        for index, end in enumerate(ends):
            assert isinstance(end, asyncio.CancelledError if index in cancelled else Response)

    run(send())
    assert len(issuer.asked) == 1


def test_with_the_last_who_waits_the_fetch_ends_too_and_the_next_begins_anew():
    issuer = Issuer()
    tokened = transport(issuer)

    async def send():
        tasks = [asyncio.create_task(tokened.send(prepared())) for _ in range(3)]
        await asyncio.sleep(0.5)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert (await tokened.send(prepared())).status == 200

    run(send())
    assert (len(issuer.asked), issuer.took) == (2, ["token-1"])


def test_one_who_comes_while_the_last_is_leaving_gets_a_token():
    issuer = Issuer()
    tokened = transport(issuer)

    async def send():
        first = asyncio.create_task(tokened.send(prepared()))
        await asyncio.sleep(0.5)
        first.cancel()
        second = asyncio.create_task(tokened.send(prepared()))
        assert (await second).status == 200
        assert first.cancelled()

    run(send())


@pytest.mark.parametrize("lost", [AnswerLost("reset"), ConnectionFailed("refused")])
def test_a_token_that_cannot_be_fetched_means_that_nothing_was_sent(lost):
    issuer = Issuer(lost)
    tokened = transport(issuer)

    async def send():
        ends = await asyncio.gather(*(tokened.send(prepared()) for _ in range(5)), return_exceptions=True)
        assert [type(end) for end in ends] == [ConnectionFailed] * 5
        assert "no token" in str(ends[0])
        assert issuer.sent == []
        assert (await tokened.send(prepared())).status == 200

    run(send())
    assert len(issuer.asked) == 2


# What the reader raises, and what the operation is told.
TOLD = [
    (Unauthorized("T", 401), Unauthorized),
    (Misconfigured("T", 404), Misconfigured),
    (Throttled("T", 429, retry_after=3), Throttled),
    (Unavailable("T", 503, retry_after=3), Unavailable),
    (Unavailable("T", 500, may_have_happened=True), Unavailable),
    (Unreadable("T", 200, may_have_happened=True), Unavailable),
    # The request for a token is not the item: no item is refused with it.
    (Refused("T", 400, code=7, vendor_message="bad grant"), Unauthorized),
    (TooLarge("T", 413), Unauthorized),
]


@pytest.mark.parametrize(("raised", "told"), TOLD, ids=[type(row[0]).__name__ for row in TOLD])
def test_what_the_vendor_says_to_the_request_for_a_token_is_no_word_on_the_operation(raised, told):
    def refuse(_):
        raise raised

    issuer = Issuer()
    tokened = TokenTransport(issuer, ask=ask, read=refuse)

    async def send():
        with pytest.raises(VendorError) as caught:
            await tokened.send(prepared())
        return caught.value

    error = run(send())
    assert type(error) is told
    assert not error.may_have_happened
    assert (error.status, error.code, error.vendor_message) == (
        raised.status,
        raised.code,
        raised.vendor_message,
    )
    assert error.retry_after == raised.retry_after
    assert issuer.sent == []


def test_an_early_renewal_that_fails_leaves_the_good_token_in_use():
    issuer = Issuer(None, AnswerLost("reset"), AnswerLost("reset"))
    tokened = transport(issuer)

    async def send():
        await tokened.send(prepared())
        await asyncio.sleep(LIFE - 100)
        for _ in range(3):
            assert (await tokened.send(prepared())).status == 200
        assert len(issuer.asked) == 2  # and is not tried again with every request
        await asyncio.sleep(60)
        assert (await tokened.send(prepared())).status == 200
        assert len(issuer.asked) == 3
        await asyncio.sleep(60)
        assert (await tokened.send(prepared())).status == 200

    run(send())
    assert issuer.took == ["token-1"] * 5 + ["token-2"]


def test_credentials_that_are_revoked_are_told_though_the_token_is_still_good():
    issuer = Issuer(None, 401)
    tokened = transport(issuer)

    async def send():
        await tokened.send(prepared())
        await asyncio.sleep(LIFE - 100)
        with pytest.raises(Unauthorized):
            await tokened.send(prepared())

    run(send())


def test_each_loop_has_a_token_of_its_own_one_after_the_other():
    issuer = Issuer()
    tokened = transport(issuer)

    async def send():
        await asyncio.sleep(5)
        return await asyncio.gather(*(tokened.send(prepared()) for _ in range(3)))

    for _ in range(2):  # the second loop's clock begins at 0 again
        assert [answer.status for answer in run(send())] == [200] * 3
    assert len(issuer.asked) == 2


def test_a_loop_that_ended_in_the_middle_of_a_fetch_does_no_harm_to_the_next():
    issuer = Issuer()
    tokened = transport(issuer)

    async def leave():
        task = asyncio.create_task(tokened.send(prepared()))
        await asyncio.sleep(0.5)
        return task

    assert run(leave()).cancelled()  # by the end of its loop

    async def send():
        return await tokened.send(prepared())

    assert run(send()).status == 200


def test_loops_that_are_gone_are_forgotten():
    tokened = transport(Issuer())

    async def send():
        await tokened.send(prepared())

    run(send())
    assert len(tokened._held) <= 1
    gc.collect()
    assert len(tokened._held) == 0


def test_the_signer_sees_every_request_as_it_is_sent():
    seen = []

    def signer(method, url, headers, body):
        seen.append((method, url, headers["Authorization"], body))
        return {"x-signature": f"v{len(seen)}"}

    issuer = Issuer()
    tokened = transport(issuer, signer=signer)

    async def send():
        await tokened.send(prepared("PUT", b"body"))
        issuer.good.clear()
        await tokened.send(prepared("DELETE", None))

    run(send())
    put = "https://vendor.example/put"
    grant = ("POST", str(TOKEN_URL), "Basic c2VjcmV0", b"grant")
    assert seen == [
        grant,
        ("PUT", put, "Bearer token-1", b"body"),
        ("DELETE", put, "Bearer token-1", None),
        grant,
        ("DELETE", put, "Bearer token-2", None),
    ]
    assert [sent.headers["x-signature"] for sent in issuer.sent] == ["v2", "v3", "v5"]
    assert [asked.headers["x-signature"] for asked in issuer.asked] == ["v1", "v4"]


def test_a_signer_cannot_smuggle_a_header():
    tokened = transport(Issuer(), signer=lambda *_: {"x-signature": "a\r\nX-Other: b"})

    async def send():
        with pytest.raises(ConfigurationError, match="x-signature"):
            await tokened.send(prepared())

    run(send())


def test_the_token_is_shown_to_nobody(caplog):
    caplog.set_level(logging.DEBUG)
    issuer = Issuer(None, AnswerLost("reset"))
    tokened = transport(issuer)
    shown = []

    async def send():
        await tokened.send(prepared())
        shown.extend([repr(tokened), repr(vars(tokened)), repr(issuer.sent)])
        await asyncio.sleep(LIFE - 100)
        await tokened.send(prepared())  # its renewal fails, and says so
        issuer.good.clear()
        issuer.faults = [AnswerLost("reset")]
        with pytest.raises(ConnectionFailed) as caught:
            await tokened.send(prepared())
        shown.extend([str(caught.value), repr(caught.value)])

    run(send())
    assert "another" in caplog.text
    for text in [*shown, caplog.text]:
        assert "token-" not in text
        assert "c2VjcmV0" not in text


# Under a client, where the sender decides what to do.


def make_client(issuer, *, attempts=8):
    class TokenedClient(Client):
        vendor = "Tokened"
        slug = "tokened"

        def headers(self):
            return {}

        def authorized(self, transport):
            def read_status(response):
                if response.status == 503:
                    raise Unavailable("Tokened", 503)
                return read(response)

            return TokenTransport(transport, ask=ask, read=read_status)

        def classify(self, response):
            return Unauthorized("Tokened", 401) if response.status == 401 else None

        @call(
            "POST",
            "/put",
            items=Identifiers("key"),
            quota=Quota("test", in_flight=assumed(4, "test")),
            idempotent=False,
            docs="https://vendor.example",
        )
        def put(self, key) -> Request[None]:
            return Request(json=[key])

    return TokenedClient(
        base_url="https://vendor.example",
        account="a",
        transport=issuer,
        settings=Settings(retry=RetryPolicy(attempts=attempts)),
    )


def carried(operation, items):
    async def carry():
        return await operation.each(items).settled()

    return run(carry())


@pytest.mark.parametrize("fault", [AnswerLost("reset"), ConnectionFailed("refused"), 503])
def test_a_token_endpoint_in_trouble_is_asked_again_for_what_must_not_be_repeated(fault):
    issuer = Issuer(fault, fault, fault)
    report = carried(make_client(issuer).put, ["a", "b", "c"])
    assert (report.ok, report.delivered) == (True, 3)
    assert len(issuer.sent) == 3  # each item went out once


def test_a_token_endpoint_that_stays_down_fails_the_items_and_leaves_none_in_doubt():
    issuer = Issuer(*[AnswerLost("reset")] * 100)
    report = carried(make_client(issuer, attempts=3).put, ["a", "b"])
    assert [type(outcome) for outcome in report.undelivered] == [Failed, Failed]
    assert issuer.sent == []


def test_wrong_credentials_stop_the_run():
    issuer = Issuer(*[401] * 100)
    report = carried(make_client(issuer).put, ["a", "b", "c"])
    assert isinstance(report.stopped, Unauthorized)
    assert report.failed == 3
    assert issuer.sent == []


def test_a_client_goes_from_one_loop_to_the_next():
    issuer = Issuer()
    client = make_client(issuer)

    async def send():
        await client.put("a")

    run(send())
    run(send())
    asyncio.run(send())
    assert len(issuer.asked) == 3

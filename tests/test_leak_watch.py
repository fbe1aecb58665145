"""The net has no holes: whatever is shown on purpose is found, wherever it is shown."""

import logging
import warnings

import attrs
import leak_watch
import pytest
from leak_watch import Watch, leaks, words_of
from scripted import ScriptedVendor, make_client
from virtual_time import run

from netaudience import ConfigurationError, Refused, Settings, SourceFailed
from netaudience.jobs.state.run_folder import replace
from netaudience.model.wire import Prepared

EMAIL = "somebody@example.org"
KEY = "sesame-1234-abcd"
log = logging.getLogger("netaudience")
#: Errors that outlive the function that made them.
kept = []


@pytest.fixture
def net(monkeypatch):
    """A watch that catches what this test shows, in place of the one that would fail it."""
    watch = Watch()
    monkeypatch.setattr(leak_watch, "_watch", watch)
    return watch


def sent(headers):
    Prepared("POST", "", headers, None, 1.0, 1)


def fail():
    raise ValueError(EMAIL)


def in_the_log(_path):
    log.debug("about %s", EMAIL)


def in_a_field_of_the_log(_path):
    log.debug("harmless", extra={"vendor": "Netmera", "key": EMAIL})


def in_a_traceback_in_the_log(_path):
    try:
        fail()
    except ValueError:
        log.exception("something went wrong")


def in_an_error(_path):
    ConfigurationError(f"The id {EMAIL} is wrong")


def in_an_argument_of_an_error(_path):
    SourceFailed("harmless", EMAIL)


def in_a_note(_path):
    kept.append(ConfigurationError("harmless"))
    kept[-1].add_note(EMAIL)


def in_the_cause_of_an_error(_path):
    try:
        fail()
    except ValueError as error:
        kept.append(ConfigurationError("harmless"))
        kept[-1].__cause__ = error


def in_what_was_handled(_path):
    try:
        try:
            fail()
        except ValueError:
            raise ConfigurationError("harmless")  # noqa: B904 - the mistake that is looked for
    except ConfigurationError:
        pass


def in_an_event(_path):
    client = make_client(ScriptedVendor(), settings=Settings(on_event=lambda _: None))

    async def tell():
        report = attrs.evolve(type(client).put.report(client), operation=EMAIL)
        notifier = client.sender(type(client).put, report).notifier
        assert notifier is not None
        notifier.run_started()

    run(tell())


def in_a_report(_path):
    client = make_client(ScriptedVendor())
    type(client).vendor = EMAIL
    run(client.put(["a"]).settled())


def in_a_warning(_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        eval("warnings.warn(text)", {"__name__": "netaudience.x", "warnings": warnings, "text": EMAIL})


def in_a_file(path):
    replace(path / "report.html", f"<p>{EMAIL}</p>".encode())


def as_a_number(_path):
    ConfigurationError("The number +905301234567 is wrong")


def as_digits(_path):
    ConfigurationError("The number 05301234567 is wrong")


def as_a_key(_path):
    sent({"Api-Key": KEY})
    ConfigurationError(f"The key {KEY} is wrong")


def as_a_key_before_it_is_sent(_path):
    ConfigurationError(f"The key {KEY} is wrong")
    sent({"Api-Key": KEY})


def as_a_bearer(_path):
    sent({"Authorization": f"Bearer {KEY}"})
    log.debug("sent %s", KEY)


@pytest.mark.parametrize(
    "show",
    [
        *(in_the_log, in_a_field_of_the_log, in_a_traceback_in_the_log, in_an_error),
        *(in_an_argument_of_an_error, in_a_note, in_the_cause_of_an_error, in_what_was_handled),
        *(in_an_event, in_a_report, in_a_warning, in_a_file),
        *(as_a_number, as_digits, as_a_key, as_a_key_before_it_is_sent, as_a_bearer),
    ],
    ids=lambda show: show.__name__.replace("_", " "),
)
def test_what_is_shown_on_purpose_is_found(net, tmp_path, show):
    show(tmp_path)
    assert net.found()
    kept.clear()


def test_what_is_hidden_on_purpose_is_none(net):
    """A cause that no traceback prints, and what our own code leaves out."""
    sent({"Api-Key": KEY, "Content-Type": "application/json-1"})
    try:
        try:
            fail()
        except ValueError:
            raise ConfigurationError("harmless") from None
    except ConfigurationError:
        pass
    log.debug("%s", Refused("Netmera", 400, vendor_message=f"{EMAIL} and {KEY}", code=KEY))
    log.debug("application/json-1")
    assert net.found() == []


def test_who_does_not_log_at_debug_is_not_logged_at_debug(net, caplog):
    log.debug("quiet")
    log.warning("loud")
    assert [record.getMessage() for record in caplog.records] == ["loud"]
    assert net.shown.keys() >= {"quiet", "loud"}


@pytest.mark.parametrize(
    "text",
    [
        "item 41,204 of 100,000,000",
        "0x5f0a1b2c3d4e5f60718293",
        "2026-11-22T05:24:23.123456+00:00",
        "of commit 0adc526045fbb7392b2774804147c1796f957109",
        "a 0.12345678901234 of it",
        "decorated with @batch",
        "HTTP 400, code 5016",
    ],
)
def test_what_is_no_number_and_no_address_is_let_through(text):
    assert leaks(text) == set()


def test_what_authenticates_is_known_by_its_header():
    headers = {"Content-Type": "application/json", "Api-Key": KEY, "Authorization": "Bearer abcd-efgh-1"}
    assert words_of(headers) == {KEY, "Bearer abcd-efgh-1", "abcd-efgh-1"}

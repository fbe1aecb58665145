"""The page at the sandbox's root, in a real browser without a window."""

from __future__ import annotations

import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

from netaudience.cli.sandbox import every_route
from netaudience.sandbox import BackgroundSandbox, Sandbox, SandboxLimits

CHROMIUM = shutil.which("chromium")
CHROMEDRIVER = shutil.which("chromedriver")
#: Seconds for something to appear on a page that asks twice a second, on a busy machine.
PATIENCE = 20
HOSTILE = "<img src=x onerror=\"document.title='run'\"><b>bold</b>"

pytestmark = pytest.mark.skipif(
    CHROMIUM is None or CHROMEDRIVER is None,
    reason="needs chromium and chromedriver: apt-get install chromium chromium-driver",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[WebDriver]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,2000"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    # With a path given, selenium looks for no driver and downloads none.
    driver = webdriver.Chrome(options=options, service=Service(CHROMEDRIVER))
    try:
        yield driver
    finally:
        driver.quit()


class Page:
    """A sandbox with its page open, and a client of Netmera beside it."""

    def __init__(self, browser: WebDriver, sandbox: BackgroundSandbox) -> None:
        self.browser, self.sandbox = browser, sandbox
        browser.get(sandbox.url() + "/")
        self.until(lambda: self.texts("#vendors section"))

    def until(self, holds: Callable[[], object]) -> None:
        WebDriverWait(self.browser, PATIENCE, poll_frequency=0.1).until(lambda _: holds())

    def texts(self, selector: str) -> list[str]:
        # In one step of the browser's, because the page replaces its rows as it polls.
        script = "return [...document.querySelectorAll(arguments[0])].map((each) => each.innerText)"
        return self.browser.execute_script(script, selector)

    def text(self, selector: str) -> str:
        (text,) = self.texts(selector)
        return text

    def until_text(self, selector: str, *pieces: str) -> None:
        self.until(lambda: any(all(piece in text for piece in pieces) for text in self.texts(selector)))

    def click(self, label: str) -> None:
        path = f"//button[normalize-space()='{label}' or @aria-label='{label}']"
        self.browser.find_element(By.XPATH, path).click()

    def write(self, label: str, text: str) -> None:
        element = self.browser.find_element(By.CSS_SELECTOR, f'[aria-label="{label}"]')
        element.clear()
        element.send_keys(text)

    def choose(self, label: str, text: str) -> None:
        element = self.browser.find_element(By.CSS_SELECTOR, f'[aria-label="{label}"]')
        Select(element).select_by_visible_text(text)

    def tag(self) -> int:
        """Send one request as a client of Netmera would, and give the status."""
        request = urllib.request.Request(
            self.sandbox.url("netmera") + "/rest/3.0/tagUsers",
            json.dumps({"tag": "Sport", "extIds": ["id1", "id2"]}).encode(),
            {"X-netmera-api-key": "sandbox", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code


@pytest.fixture
def limits() -> dict[str, SandboxLimits]:
    return {}


@pytest.fixture
def page(browser: WebDriver, limits: dict[str, SandboxLimits]) -> Iterator[Page]:
    with BackgroundSandbox(Sandbox(every_route(), limits=limits)) as sandbox:  # as the command serves it
        yield Page(browser, sandbox)
        browser.get("about:blank")


def test_state_requests_and_rules_appear(page):
    assert page.tag() == 200
    page.until_text("#vendor-netmera", "users\n2")
    page.until_text("#requests tr", "netmera\ttag-users\t200\t2")
    page.until_text("#allowances tr", "netmera", "all operations", "most 1", "no limit")
    assert len(page.texts("#vendors section")) == len(page.texts("#rules-vendor option"))
    page.choose("Vendor whose rules are shown", "clevertap")
    everything = page.texts("#rules tr")
    assert any("documented\thttps://developer.clevertap.com/" in text for text in everything)
    page.choose("Provenance of the rules shown", "assumed")
    assumed = page.texts("#rules tr")
    assert 0 < len(assumed) < len(everything)
    assert all("\tassumed\t" in text for text in assumed)


def test_a_fault_switched_on_makes_requests_fail_until_it_is_switched_off(page):
    pressed = '#common-faults [aria-pressed="true"]'
    page.click("Fail (500)")
    page.until_text(pressed, "Fail (500)")
    assert page.tag() == 500
    page.until_text("#requests tr", "tag-users\t500", "status")
    page.click("Fail (500)")
    page.until(lambda: page.texts(pressed) == [])
    assert page.tag() == 200
    page.write("Fault to switch on", "status=503,operation=tagUsers")
    page.click("Switch on")
    page.until_text("#faults li", "status,status=503,operation=tagUsers")
    assert page.tag() == 503
    page.click("Switch off status,status=503,operation=tagUsers")
    page.until(lambda: page.texts("#faults li") == [])
    assert page.tag() == 200


@pytest.mark.parametrize("limits", [{"netmera": SandboxLimits.rate(2, 600, in_flight=5)}])
def test_an_account_over_its_limit_shows(page):
    assert [page.tag() for _ in range(2)] == [200, 200]
    page.until_text("#allowances tr", "2 of 2 requests in 600 s", "0 of 5 in flight")
    assert page.texts("#allowances .over") == []
    assert page.tag() == 429
    page.until_text("#allowances .over", "3 of 2 requests in 600 s")
    page.until_text("#allowances td.over", "1 over the limit")
    page.write("Seconds to advance the clock by", "600")
    page.click("Advance the clock")
    page.until_text("#allowances tr", "0 of 2 requests in 600 s")
    assert page.tag() == 200


def test_what_the_server_holds_is_shown_as_text(page):
    user = {"extId": HOSTILE, "profile": {"name": HOSTILE}}
    page.sandbox.seed("netmera", {"users": [user]})
    page.choose("Vendor to look at", "netmera")
    page.choose("Collection to look at", "users")
    page.write("Key to look at", HOSTILE)
    page.click("Look")
    page.until_text("#look-result", json.dumps(HOSTILE))
    page.sandbox.set_faults(f"poison={HOSTILE}")
    page.until_text("#faults li", f"poison,ids={HOSTILE}")
    page.write("Fault to switch on", HOSTILE)
    page.click("Switch on")
    page.until_text("#error", "takes no value of its own", "<b>bold</b>")
    assert page.texts("img, main b") == []
    assert page.browser.title == "netaudience sandbox"


def test_keys_are_listed_and_looked_at_by_a_click(page):
    users = [{"extId": f"customer-{number}"} for number in range(1, 1235)]
    page.sandbox.seed("netmera", {"users": [{"extId": HOSTILE}, *users]})
    page.until_text("#vendor-netmera", "users\n1,235")
    page.choose("Vendor to look at", "netmera")
    page.choose("Collection to look at", "users")
    page.click("List keys")
    page.until_text("#look-more", "The first 100 keys")
    assert page.texts("#look-keys button")[:2] == [HOSTILE, "customer-1"]
    page.write("Key to look at", "ER-1234")
    page.click("List keys")
    page.until(lambda: page.texts("#look-keys button") == ["customer-1234"])
    page.click("customer-1234")
    page.until_text("#look-result", "customer-1234")
    page.choose("Collection to look at", "categories")
    assert page.texts("#look-keys button") == []
    page.click("List keys")
    page.until_text("#look-more", "No keys")


def test_the_body_of_a_request_is_shown_on_demand_and_stays(page):
    assert page.tag() == 200
    page.until_text("#requests button", "Show")
    page.click("Show the body of request 1")
    page.until_text("#requests .body", '"extIds": [\n    "id1",\n    "id2"\n  ]')
    assert page.tag() == 200  # the rows are made anew
    page.until(lambda: len(page.texts("#requests tr")) == 3)
    assert len(page.texts("#requests .body")) == 1
    page.click("Hide the body of request 1")
    page.until(lambda: page.texts("#requests .body") == [])


@pytest.mark.parametrize("limits", [{"netmera": SandboxLimits.rate(1000, 600, in_flight=5)}])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_stands_out_of_the_page(page, width):
    page.sandbox.seed("netmera", {"users": [{"extId": "customer-" + "7" * 100}, {"extId": "id1"}]})
    size = {"width": width, "height": 2000, "deviceScaleFactor": 1, "mobile": False}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        assert page.tag() == 200
        page.until_text("#allowances tr", "of 1,000 requests in 600 s")
        page.click("Fail (500)")
        page.until_text("#faults li", "status=500")
        page.choose("Vendor to look at", "netmera")
        page.click("List keys")
        page.until_text("#look-keys button", "customer-777")
        page.click("id1")
        page.until_text("#look-result", "id1")
        page.until_text("#requests button", "Show")
        page.click("Show the body of request 1")
        page.until_text("#requests .body", "id1")
        script = """
            const wide = document.documentElement.clientWidth;
            return [document.documentElement.scrollWidth - wide, [...document.body.querySelectorAll("*")]
                .filter((each) => each.getBoundingClientRect().right > wide + 1 || each.scrollWidth > wide)
                .map((each) => each.outerHTML.slice(0, 200))];
        """
        assert page.browser.execute_script(script) == [0, []]
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_clock_and_the_delays_are_set(page):
    page.write("Seconds to advance the clock by", "86400")
    page.click("Advance the clock")
    page.until_text("#advanced", "advanced by 86,400 s")
    assert page.sandbox.now() >= 86_400
    page.write("Seconds until what clevertap accepted shows", "60")
    page.click("Set the delay of clevertap")
    page.until_text("#vendor-clevertap", "delay 60 s, 0 pending")
    assert page.tag() == 200
    page.click("Forget state and requests")
    page.until_text("#vendor-netmera", "users\n0")


def test_a_mistake_is_a_sentence_until_the_next_success(page):
    page.write("Fault to switch on", "boom")
    page.click("Switch on")
    page.until_text("#error", "There is no fault 'boom'")
    page.click("Latency of 2 s")
    page.until(lambda: page.text("#error") == "")
    page.until_text("#faults li", "latency,seconds=2")


def test_a_sandbox_that_was_stopped_is_told(browser):
    with BackgroundSandbox() as sandbox:
        page = Page(browser, sandbox)
    page.until_text("#error", "The sandbox does not answer")
    browser.get("about:blank")


def test_every_control_has_a_name(page):
    page.click("Fail (500)")
    page.until_text("#faults li", "status=500")
    controls = page.browser.find_elements(By.CSS_SELECTOR, "button, input, select, meter")
    assert len(controls) > 20
    assert [control.get_attribute("outerHTML") for control in controls if not control.accessible_name] == []


def test_the_page_asks_no_other_host_and_breaks_none_of_its_own_rules(browser):
    for kind in ("performance", "browser"):
        browser.get_log(kind)
    with BackgroundSandbox() as sandbox:
        page = Page(browser, sandbox)
        page.click("Fail (500)")
        page.until_text("#faults li", "status=500")
        browser.get("about:blank")
        home = urlsplit(sandbox.url()).netloc
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [
        each["params"]["request"]["url"] for each in messages if each["method"] == "Network.requestWillBeSent"
    ]
    places = {(urlsplit(url).scheme, urlsplit(url).netloc) for url in asked}
    assert ("http", home) in places
    # The icon is a data URL: a browser asks for one where a page names none.
    assert places <= {("http", home), ("data", ""), ("about", "")}
    assert any(url.endswith("/_sandbox/faults") for url in asked)
    # A script or a request that the page's policy forbids would stand here.
    assert [entry["message"] for entry in browser.get_log("browser")] == []

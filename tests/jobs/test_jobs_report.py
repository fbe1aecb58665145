"""The report of a run: its words, and its page in a real browser without a window."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Iterator
from urllib.parse import urlsplit
from xml.etree.ElementTree import tostring

import attrs
import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.remote.webdriver import WebDriver

from netaudience.errors import ConfigurationError
from netaudience.events import Paused, RequestEnded
from netaudience.jobs.report import charts
from netaudience.jobs.report.html import write_report
from netaudience.jobs.report.wording import Verdict, without_names
from netaudience.jobs.spec.diagnostics import duration
from netaudience.jobs.state.metrics import Metrics, write_metrics
from netaudience.jobs.state.run_folder import RunFolder, RunStart
from netaudience.jobs.state.summary import StepSummary, Summary
from netaudience.jobs.state.verified import StepVerified, Verified, write_verified

CHROMIUM = shutil.which("chromium")
CHROMEDRIVER = shutil.which("chromedriver")
RUN = "20261122-013000-ab12"
#: Seconds since 1970 of 2026-11-22 01:30:00 UTC.
WALL = 1_795_311_000.0
HOSTILE = (
    "</style><script>document.title='run'</script><img src=x onerror=\"document.title='run'\"><b>bold</b>"
)

needs_browser = pytest.mark.skipif(
    CHROMIUM is None or CHROMEDRIVER is None,
    reason="needs chromium and chromedriver: apt-get install chromium chromium-driver",
)


def step(**counts):
    shown = {"name": "tags", "vendor": "netmera", "operation": "tag_users", "exhausted": True, **counts}
    return StepSummary(**shown)


def summary(*steps, folder="runs/x", **facts):
    shown = {
        "run": RUN,
        "job": "nightly",
        "file": "job.toml",
        "folder": str(folder),
        "started": "2026-11-22T01:30:00+00:00",
        "ended": "2026-11-22T03:12:07+00:00",
        "steps": list(steps),
        **facts,
    }
    return Summary(**shown)


def measured(seconds, *, rate=10.0, trouble=False):
    """Give the metrics of a run of that length; with trouble, an outage at its half and pauses after it."""
    metrics = Metrics(0.0, wall=WALL)
    for number in range(int(seconds * rate)):
        sent = number / rate
        status, took = 200, random.lognormvariate(-1.5, 0.4)
        if trouble and 0.4 < sent / seconds < 0.5:
            status, took = random.choice([(503, took), (None, 30.0), (200, took), (429, took), (400, took)])
        metrics(RequestEnded("Netmera", "tag_users", sent, took, status, 100, 4000, 0.4, status is None))
        if status == 429:
            metrics(Paused("Netmera", "tag_users", sent + took, seconds / 2000))
    return metrics


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / RUN
    path.mkdir()
    return path


def written(folder, told, metrics):
    (folder / "summary.json").write_bytes(told.to_json())
    write_metrics(folder, metrics)
    return write_report(folder)


VERDICTS = [
    ("all", [step(total=5, delivered=5)], {}, "good", "Everything was delivered.", []),
    ("nothing new", [step(total=5, unchanged=5)], {}, "good", "Nothing had changed", []),
    ("no row", [step()], {}, "warn", "The source gave no row", []),
    (
        "a few rejected",
        [step(total=1000, delivered=999, rejected=1)],
        {},
        "warn",
        "1 of 1,000 rows was not",
        ["retry"],
    ),
    (
        "many rejected",
        [step(total=1000, delivered=900, rejected=100)],
        {},
        "bad",
        "100 of 1,000 rows",
        ["retry"],
    ),
    (
        "a night with rejects that the job accepts",
        [step(total=1000, delivered=3, unchanged=900, rejected=97, accepted=True, known=97)],
        {},
        "good",
        "Everything was delivered but 97 rows that are rejected, which the job accepts.",
        ["retry"],
    ),
    (
        "rejects of one step are accepted and those of the other are not",
        [
            step(total=1000, delivered=999, rejected=1, accepted=True),
            step(name="b", total=1000, delivered=998, rejected=2),
        ],
        {},
        "warn",
        "2 rows were not delivered, in 1 of 2 steps: b.",
        ["retry"],
    ),
    ("failed", [step(total=1000, delivered=999, failed=1)], {}, "bad", "1 of 1,000 rows", ["resume"]),
    ("in doubt", [step(total=1000, delivered=999, in_doubt=1)], {}, "bad", "1 of 1,000 rows", ["retry"]),
    (
        "interrupted",
        [step(total=10, delivered=4, unsent=6, exhausted=False)],
        {"signal": 15},
        "bad",
        "The run was interrupted (SIGTERM).",
        ["resume"],
    ),
    (
        "stopped",
        [step(total=10, delivered=4, failed=6, stopped="Netmera did not accept the credentials: HTTP 401")],
        {},
        "bad",
        "The run stopped early: Netmera did not accept the credentials: HTTP 401.",
        ["resume"],
    ),
    (
        "one of two",
        [step(total=10, delivered=10), step(name="other", total=10, delivered=9, failed=1, stopped="Why")],
        {},
        "bad",
        "Step other stopped early: Why.",
        ["resume"],
    ),
    (
        "several",
        [step(total=9, delivered=9), step(name="b", total=10, delivered=9, rejected=1)],
        {},
        "bad",
        "1 row was not delivered, in 1 of 2 steps: b.",
        ["retry"],
    ),
    ("not over", [step()], {"ended": None}, "bad", "The run did not come to its end.", ["resume"]),
    ("a gap", [step(total=9, delivered=8)], {}, "bad", "look at what is said here", []),
]


@pytest.mark.parametrize(
    ("steps", "facts", "level", "headline", "commands"),
    [case[1:] for case in VERDICTS],
    ids=[case[0] for case in VERDICTS],
)
def test_the_verdict_says_at_one_glance_what_became_of_the_run(steps, facts, level, headline, commands):
    if facts.get("ended", "") is None:
        steps = [attrs.evolve(each, exhausted=False) for each in steps]
    verdict = Verdict.of(summary(*steps, **facts))
    assert verdict.level == level
    assert headline in verdict.headline
    assert [command.split()[1] for _, command in verdict.commands] == commands
    told = any("the job accepts that many" in sentence for sentence in verdict.sentences)
    assert told == any(each.accepted for each in steps)


def test_every_step_is_told_with_what_the_vendor_s_success_means():
    told = summary(
        step(
            total=12_000, delivered=10_000, rejected=1_999, in_doubt=1, resumed=500, acknowledges="accepted"
        ),
        step(
            name="gap",
            total=10,
            delivered=9,
            acknowledges="applied",
            warnings={"a field was dropped": 3, "b": 1},
        ),
    )
    assert list(Verdict.of(told).sentences) == [
        (
            "tags: Of 12,000 rows, 10,000 accepted, 1,999 rejected, 1 in doubt. "
            "An earlier attempt had settled 500 of them."
        ),
        "gap: Of 10 rows, 9 applied.",
        "Warning, in 3 answers of gap: a field was dropped.",
        (
            "The counts of gap do not add up: 10 rows, 9 outcomes. "
            "That is a mistake of netaudience: please report it."
        ),
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ('Netmera refused the request: HTTP 400, code 5016, "user not found"', None),
        ("The source raised ValueError after 1,234,567 items", None),
        ("it waits 1.5 seconds, 12 times (see user_id)", None),
        ("no ada.lovelace@example.com here", "no … here"),
        ("could not read '90210-77' as a number", "could not read … as a number"),
        ("the telephone +90 532 123 45 67 is wrong", "the telephone … is wrong"),
        ("customer 41204 and id12", "customer … and …"),
        ("code 12345678", "code …"),
    ],
)
def test_no_word_names_a_person(words, told):
    assert without_names(words) == (told or words)


LONG = 86_400.0


@pytest.fixture(scope="module")
def long_run(tmp_path_factory):
    """A day, three steps with trouble, one of them resumed, with more reasons than anybody reads."""
    folder = tmp_path_factory.mktemp("runs") / RUN
    folder.mkdir()
    metrics = {
        "attributes": measured(LONG, rate=0.8, trouble=True),
        "tags": measured(LONG, rate=0.8, trouble=True),
        "demerge": measured(LONG / 2, rate=0.8, trouble=True),
    }
    resumed = metrics["tags"]
    resumed.resume(0.0, wall=WALL + 200_000)
    resumed(RequestEnded("Netmera", "tag_users", 400.0, 0.2, 200, 100, 10, 0.1, False))
    reasons = {
        f"Netmera refused the request, in words like {'so ' * 20}{chr(97 + n % 26) * n}": 900 - n
        for n in range(200)
    }
    told = summary(
        step(
            name="attributes",
            operation="set_profile_attributes",
            total=48_000_000,
            delivered=47_000_000,
            failed=999_988,
            in_doubt=12,
            reasons={
                "failed": {"Netmera is unavailable: HTTP 503": 999_988},
                "in_doubt": {"no answer came": 12},
            },
        ),
        step(
            total=20_000_000, unchanged=19_999_000, delivered=100, rejected=900, reasons={"rejected": reasons}
        ),
        step(
            name="demerge",
            vendor="clevertap",
            operation="demerge",
            total=100,
            delivered=100,
            warnings={HOSTILE: 2},
        ),
        folder=folder,
    )
    return written(folder, told, metrics)


def test_a_day_of_three_steps_is_a_small_file(long_run):
    page = long_run.read_text(encoding="utf-8")
    assert len(page.encode()) < 250_000
    assert page.count('<div class="chart"') == 2 + 3 * 2
    assert page.count("<svg ") == 3 * 4 + 1  # where there is no rate, those at one time
    # Every colour that is used is one of the style sheet's.
    assert set(re.findall(r"var\((--[\w-]+)\)", page)) <= set(re.findall(r"(--[\w-]+):", page))
    assert page.count("<details>") == 2  # the reasons, and the slowest requests


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


#: The words of pictures that do not stand within them, or that stand on one another.
BEYOND = """const found = [];
    const words = '.chart span, .chart em, .chart strong, .chart .title, .chart .reason, .chart .told';
    for (const chart of document.querySelectorAll('.chart')) {
        const whole = chart.getBoundingClientRect(), boxes = [];
        for (const each of chart.querySelectorAll(words)) {
            const box = each.getBoundingClientRect();
            if (!each.textContent || !box.width) continue;
            if (box.left < whole.left - 2 || box.right > whole.right + 2 || box.bottom > whole.bottom + 2)
                found.push(each.textContent);
            for (const [other, there] of boxes)
                if (box.left < there.right - 1 && there.left < box.right - 1
                    && box.top < there.bottom - 4 && there.top < box.bottom - 4)
                    found.push(`${each.textContent} on ${other}`);
            boxes.push([each.textContent, box]);
        }
    }
    return found"""


#: Tables of which a part is not seen.
CUT = """return [...document.querySelectorAll('.scroll')].filter(
    (each) => each.innerText && each.scrollWidth > each.clientWidth + 1).map((each) => each.innerText)"""


def shown(browser, path):
    browser.get(path.as_uri())
    return browser.execute_script("return document.body.innerText")


@needs_browser
def test_the_page_shows_what_went_wrong_first(browser, long_run):
    text = shown(browser, long_run)
    wanted = [
        "Job nightly, run 20261122-013000-ab12. Sunday, 22 November 2026, 01:30:00 UTC, for 1 h 42 min",
        "1,000,900 rows were not delivered, in 2 of 3 steps: attributes, tags.",
        "Of 48,000,000 rows, 47,000,000 accepted, 999,988 failed, 12 in doubt.",
        "netaudience resume",
        "What became of the rows",
        "attributes (Netmera set-profile-attributes)",
        "47,000,000 delivered · 999,988 failed · 12 in doubt",
        "Where a step says accepted, the vendor took the row and makes the change later",
        "999,988 failed",
        "The vendor asked",
        "without an answer (between",
        "Items per second",
        "Requests per second, by what was answered",
        "adapts up to 20/s (assumed)",
        "resumed",
        "half within",
        "All figures",
        "HTTP 503",
        "The slowest requests",
    ]
    at = 0
    for words in wanted:
        assert words in text[at:], (words, text)
        at = text.index(words, at) + 1
    labels = browser.execute_script(
        "return [...document.querySelectorAll('.chart')].map((each) => each.getAttribute('aria-label'))"
    )
    assert all(labels)


@needs_browser
@pytest.mark.parametrize("width", [390, 820, 1280])
def test_pictures_take_the_width_that_there_is(browser, long_run, width):
    size = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    shown(browser, long_run)
    script = """return [...document.querySelectorAll('svg')].map((each) => {
        const box = each.getBoundingClientRect();
        return [box.width, box.height];
    })"""
    for wide, high in browser.execute_script(script):
        assert 0.55 * width < wide < width
        assert high > 80
    assert browser.execute_script(CUT) == []
    # Nothing stands beyond the right edge, nor beyond that of its picture.
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    assert browser.execute_script(BEYOND) == []


@needs_browser
def test_nothing_is_cut_off_on_paper(browser, long_run):
    size = {"width": 700, "height": 1000, "deviceScaleFactor": 1, "mobile": False}  # A4, within its margins
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    shown(browser, long_run)
    assert browser.execute_script(CUT) == []
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_by_day_and_by_night(browser, long_run, scheme):
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    shown(browser, long_run)
    colours = browser.execute_script(
        """const body = getComputedStyle(document.body), found = new Set();
        for (const each of document.querySelectorAll('.chart .title'))
            found.add(getComputedStyle(each).color);
        return [body.backgroundColor, body.color, [...found]]"""
    )
    page, ink, (text,) = colours
    assert text == ink
    brightness = [sum(map(int, re.findall(r"\d+", colour)[:3])) / 3 for colour in (page, ink)]
    assert (
        (brightness[0] > 200 and brightness[1] < 60)
        if scheme == "light"
        else (brightness[0] < 60 < 200 < brightness[1])
    )


@needs_browser
def test_what_a_source_or_a_vendor_wrote_is_text_and_nothing_is_asked_of_anybody(browser, folder):
    for kind in ("performance", "browser"):
        browser.get_log(kind)
    troubled = step(
        name=HOSTILE,
        total=2,
        delivered=1,
        rejected=1,
        reasons={"rejected": {HOSTILE: 1}},
        warnings={HOSTILE: 1},
    )
    path = written(folder, summary(troubled, job=HOSTILE, folder=folder), {HOSTILE: measured(20)})
    text = shown(browser, path)
    assert text.count("onerror=") >= 3
    assert browser.execute_script("return document.querySelectorAll('script, img, b').length") == 0
    assert browser.title == f"{HOSTILE} {RUN}"
    browser.get("about:blank")
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [
        each["params"]["request"]["url"] for each in messages if each["method"] == "Network.requestWillBeSent"
    ]
    assert path.as_uri() in asked
    assert {urlsplit(url).scheme for url in asked} <= {"file", "data", "about"}
    assert [url for url in asked if url.startswith("file") and url != path.as_uri()] == []
    assert [entry["message"] for entry in browser.get_log("browser")] == []


@needs_browser
@pytest.mark.parametrize("name", ["$a^{$ costs $\\frac$", "müşteri 客户 😀", "word " * 40, "n" * 300])
def test_any_name_of_a_step_can_be_drawn(browser, folder, name):
    told = step(name=name, total=2, delivered=1, rejected=1, reasons={"rejected": {name: 1}})
    text = shown(browser, written(folder, summary(told, folder="x"), {name: measured(20)}))
    assert text.count(name[:20].strip()) >= 4
    assert browser.execute_script(BEYOND) == []


def test_no_identifier_gets_into_the_page(folder):
    secrets = ["ada.lovelace@example.com", "10000000000000000017", "905321234567", "A-99-B"]
    reasons = {f"the value {secret} is wrong": 1 for secret in secrets}
    told = summary(
        step(
            total=4, rejected=4, reasons={"rejected": reasons}, warnings=reasons, stopped=next(iter(reasons))
        ),
        folder="runs/x",
        unwritten=list(reasons),
    )
    page = written(folder, told, {"tags": measured(5)}).read_text(encoding="utf-8")
    assert [secret for secret in secrets if secret in page] == []
    assert "the value … is wrong" in page


def kept(runs, day, *steps, **facts):
    """Keep the summary of a run of that day of November, and return its folder."""
    folder = runs / f"202611{day:02}-013000-ab12"
    folder.mkdir(parents=True)
    began = f"2026-11-{day:02}T01:30:00+00:00"
    told = summary(*steps, run=folder.name, started=began, folder=folder, **facts)
    (folder / "summary.json").write_bytes(told.to_json())
    start = RunStart(job="nightly", file="job.toml", started=began, source="x", steps={}, attempts=1)
    RunFolder(folder).remember(start)
    return folder


def test_the_few_figures_that_stand_for_all_are_at_the_top(tmp_path):
    attributes = step(
        name="a", mode="changed-only", total=10_000, unchanged=9_000, delivered=999, rejected=1, added=600,
        changed=400,
    )  # fmt: skip
    tags = step(mode="mirror", total=100, unchanged=70, delivered=30, added=30, changed=0)
    gone = step(name="tags removal", mode="mirror", total=7, delivered=7, takes_back=True)
    folder = kept(tmp_path / "runs", 22, attributes, tags, gone)
    looked = StepVerified(
        name="a", vendor="netmera", operation="tag_users", delivered=999, chosen=100, landed=89, not_yet=1,
        unreadable=10,
    )  # fmt: skip
    write_verified(RunFolder(folder), Verified(run=folder.name, time="2026-11-22", steps=[looked]))
    page = write_report(folder).read_text(encoding="utf-8")
    figures = [(number, words) for words, number in re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page)]
    assert figures == [
        ("99.99%", "delivered or as before, of 10,107 rows, over 3 steps"),
        ("1,036", "sent and delivered"),
        ("630", "added since the last run"),
        ("400", "changed since the last run"),
        ("7", "removed, for they are gone"),
        ("98.89%", "there as sent, of 90 rows that were read back"),
    ]
    plain = write_report(kept(tmp_path / "plain", 22, step(total=4, delivered=4))).read_text(encoding="utf-8")
    assert re.findall(r"<dd>(.*?)</dd>", plain) == ["100%", "4"]
    assert "The last runs" not in page + plain


@pytest.mark.parametrize(
    ("part", "whole", "told"),
    [
        (0, 9, "0%"),
        (9, 9, "100%"),
        (1, 3, "33.33%"),
        (1, 10**9, "0.01%"),
        (10**9 - 1, 10**9, "99.99%"),
        (1, 2, "50%"),
    ],
)
def test_a_share_is_all_or_nothing_only_where_it_is(part, whole, told):
    assert charts.share_of(part, whole) == told


def test_a_run_is_seen_beside_the_last_ones(tmp_path):
    for day in range(1, 20):
        kept(tmp_path / "runs", day, step(total=1000 * day, unchanged=1000 * day - day, rejected=day))
    kept(tmp_path / "runs", 20, step(total=5, delivered=5), again="20261119-013000-ab12")
    kept(tmp_path / "runs", 21, step())
    folder = kept(tmp_path / "runs", 22, step(total=10_000, delivered=9_000, failed=1_000))
    kept(tmp_path / "runs", 23, step(total=1, delivered=1))  # came later
    page = write_report(folder).read_text(encoding="utf-8")
    chart = page.partition("<h2>The last runs</h2>")[2].partition("</figure>")[0]
    days = re.findall(r'"when">2026-11-(\d\d) 01:30<', chart)
    assert days == [*(f"{day:02}" for day in range(10, 20)), "22"]
    assert re.findall(r'"told">(.*?)<', chart)[-2:] == ["99.9% of 19,000", "90% of 10,000"]
    widths = [float(width) for width in re.findall(r'class="bar" style="width: ([\d.]+)%', chart)]
    assert (max(widths), widths[-1]) == (100, 52.632)


def test_what_a_success_leaves_undone_is_told_once(folder):
    unsaid = "an id that it does not know does nothing"
    several = [step(name=name, total=1, delivered=1, unsaid=unsaid) for name in ("a", "b")]
    page = written(folder, summary(*several), {"a": measured(5)}).read_text(encoding="utf-8")
    assert page.count(f"Not reported by netmera tag_users: {unsaid}.") == 1


SHORT = [
    ("no request", []),
    ("one request", [RequestEnded("V", "o", 3.0, 0.2, 200, 1, 10, 0.0, False)]),
    ("one without an answer", [RequestEnded("V", "o", 0.0, 30.0, None, 1, 10, 0.0, False)]),
    ("one that took no time", [RequestEnded("V", "o", 0.0, 0.0, 500, 0, 0, 0.0, False)]),
    ("a pause alone", [Paused("V", "o", 0.0, 5.0)]),
    (
        "a pause beyond the end",
        [RequestEnded("V", "o", 0.0, 0.1, 429, 1, 10, 0.0, False), Paused("V", "o", 0.1, 5e6)],
    ),
]


@pytest.mark.parametrize("vendor", ["netmera", "clevertap", "another"])
@pytest.mark.parametrize("events", [case[1] for case in SHORT], ids=[case[0] for case in SHORT])
def test_a_short_run_has_a_report_too(folder, events, vendor):
    metrics = Metrics(0.0, wall=WALL)
    for event in events:
        metrics(event)
    operation = "demerge" if vendor == "clevertap" else "tag_users"
    told = step(name="s", vendor=vendor, operation=operation, total=len(events), delivered=len(events))
    page = written(folder, summary(told), {"s": metrics}).read_text(encoding="utf-8")
    requests = metrics.total().requests
    assert page.count('<div class="chart"') == (1 if events else 0) + 2 * requests
    assert ("No request was measured." in page) == (not requests)
    assert page.endswith("</html>")


def test_a_killed_run_is_reported_from_what_was_measured(folder):
    run = RunFolder(folder)
    start = RunStart(
        job="nightly",
        file="job.toml",
        started="2026-11-22T01:30:00+00:00",
        source="s",
        steps={"tags": "t"},
        attempts=2,
    )
    run.remember(start)
    write_metrics(folder, {"tags": measured(60)})
    for body in (None, summary(step(total=5, delivered=5), attempts=1).to_json()):
        # The summary of an earlier attempt says nothing about the one that was killed.
        if body is not None:
            run.summary.write_bytes(body)
        page = write_report(folder).read_text(encoding="utf-8")
        assert "The run did not come to its end." in page
        assert "netaudience resume" in page
        assert "600 requests carried 60,000 items" in page
    run.summary.write_bytes(summary(step(total=5, delivered=5), attempts=2).to_json())
    assert "Everything was delivered." in write_report(folder).read_text(encoding="utf-8")


def test_a_folder_without_a_run_is_told(folder):
    with pytest.raises(ConfigurationError, match=r"is no folder of a run"):
        write_report(folder)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.0, "0.0 s"),
        (0.0123, "12.3 ms"),
        (0.9996, "1.0 s"),
        (1.234, "1.2 s"),
        (59.5, "1 min"),
        (100.0, "1 min 40 s"),
        (300.0, "5 min"),
        (36_000.0, "10 h"),
        (200_000.0, "2 d 7 h"),
    ],
)
def test_a_duration_is_told_as_people_say_it(seconds, told):
    assert duration(seconds) == told


def test_times_of_day_are_those_of_the_attempt():
    metrics = measured(100)
    metrics.resume(0.0, wall=WALL + 7200)
    metrics(RequestEnded("V", "o", 30.0, 0.2, 200, 1, 10, 0.0, False))
    told = [charts.clock(metrics, at) for at in (0.0, 99.0, 100.0, 130.0, 80_000.0)]
    assert told == ["01:30:00", "01:31:39", "03:30:00", "03:30:30", "23 Nov 01:41:40"]
    page = tostring(charts.over_time(metrics, "tags"), encoding="unicode")
    marks = re.findall(r">(\d\d:\d\d(?::\d\d)?)<", page)
    assert marks[0] == "01:30:00"
    assert marks == sorted(marks)
    assert marks[-1].startswith("03:30:")

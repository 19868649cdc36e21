"""The report in a real browser: plots are drawn, nothing is fetched, hostile names are text, a phone can read it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.support.expected_conditions import alert_is_present
from synthetic_run import invalid, make_run, read_trials, write_trials

from linerate.controller.report import write_report

CHROMIUM = Path("/usr/bin/chromium")
CHROMEDRIVER = Path("/usr/bin/chromedriver")
HOSTILE = "<script>alert('x')</script> \"q\" </script> <img src=x onerror=alert(1)>"

OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

pytestmark = pytest.mark.skipif(
    not (CHROMIUM.exists() and CHROMEDRIVER.exists()), reason="chromium and chromium-driver are not installed"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for option in (*OPTIONS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(CHROMEDRIVER)))
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 trials; one is invalid, and the names of one case are an attack."""
    folder = make_run(tmp_path_factory.mktemp("run") / "run", 24)
    records = read_trials(folder)
    records[3] = invalid(records[3], f"no statistics: {HOSTILE}")
    for record in records:
        if record["case"]["name"] == "udp_port_scan_1500":
            record["case"]["name"] = HOSTILE
    write_trials(folder, records)
    return write_report(folder).report


def show(browser: webdriver.Chrome, report: Path, width: int = 1280, scheme: str = "light") -> None:
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    for log in ("browser", "performance"):
        browser.get_log(log)
    browser.get(report.as_uri())


def evaluate(browser: webdriver.Chrome, expression: str) -> Any:
    return browser.execute_script(f"return {expression}")


def drawn_lines(browser: webdriver.Chrome) -> list[str]:
    lines = "document.querySelectorAll('.scatterlayer .js-line')"
    return list(evaluate(browser, f"Array.from({lines}, e => e.getAttribute('d'))"))


def test_every_curve_and_bar_is_drawn(browser: webdriver.Chrome, report: Path) -> None:
    show(browser, report)
    # 8 groups of 3 repeats, sent and received each, and the offered rate of the 4 paced groups.
    lines = drawn_lines(browser)
    assert len(lines) == 8 * 3 * 2 + 4
    assert all(re.fullmatch(r"M[-\d.]+,[-\d.]+([LHV][-\d.,]+)+", line) for line in lines)
    # Paced: 4 cases, offered, sent, received; top speed: 4 cases, sent and received.
    bars = evaluate(browser, "Array.from(document.querySelectorAll('.bars .point path'), e => e.getBBox().height)")
    assert len(bars) == 4 * 3 + 4 * 2
    assert min(bars) > 50


def test_nothing_is_complained_of_and_nothing_is_fetched(browser: webdriver.Chrome, report: Path) -> None:
    show(browser, report)
    assert browser.get_log("browser") == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert [url for url in sent if not url.startswith("data:")] == [report.as_uri()]


def test_the_policy_runs_no_script_but_ours(browser: webdriver.Chrome, report: Path) -> None:
    show(browser, report)
    browser.execute_script(
        "const s = document.createElement('script'); s.textContent = 'window.broken = 1'; document.body.append(s);"
    )
    assert evaluate(browser, "window.broken") is None


def test_the_table_has_a_row_for_each_trial(browser: webdriver.Chrome, report: Path) -> None:
    show(browser, report)
    assert evaluate(browser, "document.querySelectorAll('#trials tbody tr').length") == 24
    assert evaluate(browser, "document.querySelectorAll('#trials tr.invalid').length") == 1
    assert evaluate(browser, "document.querySelectorAll('#results tbody tr').length") == 8


def test_a_hostile_name_is_shown_as_text(browser: webdriver.Chrome, report: Path) -> None:
    show(browser, report)
    assert HOSTILE in evaluate(browser, "document.querySelector('#results').innerText")
    assert evaluate(browser, "document.querySelectorAll('main img').length") == 0
    labels = evaluate(browser, "Array.from(document.querySelectorAll('.xtick text'), e => e.textContent)")
    assert any(label.startswith("<script>alert(") for label in labels)
    hidden = "Array.from(document.querySelectorAll('.xtick text')).filter(e => e.style.display === 'none').length"
    assert evaluate(browser, hidden) == 0
    # An alert would make every command above fail as well; asking for one says why.
    assert not alert_is_present()(browser)


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_no_width_makes_the_page_scroll_sideways(browser: webdriver.Chrome, report: Path, width: int) -> None:
    show(browser, report, width)
    assert evaluate(browser, "document.documentElement.scrollWidth") <= width
    wide = "Math.max(...Array.from(document.querySelectorAll('.plot svg'), e => e.getBoundingClientRect().right))"
    assert evaluate(browser, wide) <= width


def test_a_table_scrolls_inside_its_frame_on_a_phone(browser: webdriver.Chrome, report: Path) -> None:
    show(browser, report, 390)
    frame = "document.querySelector('#trials').parentElement"
    assert evaluate(browser, f"{frame}.scrollWidth > {frame}.clientWidth")


def test_plots_follow_the_colour_scheme(browser: webdriver.Chrome, report: Path) -> None:
    ink = "getComputedStyle(document.querySelector('.xtick text')).fill"
    page = "getComputedStyle(document.body).backgroundColor"
    show(browser, report, scheme="light")
    light = evaluate(browser, f"[{ink}, {page}]")
    show(browser, report, scheme="dark")
    dark = evaluate(browser, f"[{ink}, {page}]")
    assert light == ["rgb(70, 80, 93)", "rgb(255, 255, 255)"]
    assert dark == ["rgb(168, 178, 190)", "rgb(20, 24, 29)"]


def test_on_paper_all_is_open_and_plots_fit(browser: webdriver.Chrome, report: Path) -> None:
    show(browser, report, scheme="dark")
    browser.execute_script("window.dispatchEvent(new Event('beforeprint'))")
    widths = "Array.from(document.querySelectorAll('.plot .main-svg'), e => e.getBoundingClientRect().width)"
    assert set(evaluate(browser, widths)) == {480}
    assert evaluate(browser, "document.querySelectorAll('details:not([open])').length") == 0
    browser.execute_script("window.dispatchEvent(new Event('afterprint'))")
    assert evaluate(browser, "document.querySelectorAll('details[open]').length") == 0
    assert min(evaluate(browser, widths)) > 480


def test_400_trials_are_readable(browser: webdriver.Chrome, tmp_path: Path) -> None:
    show(browser, write_report(make_run(tmp_path / "run", 400)).report)
    assert evaluate(browser, "document.querySelectorAll('#trials tbody tr').length") == 400
    assert len(drawn_lines(browser)) == 400 * 2 + 4
    assert browser.get_log("browser") == []

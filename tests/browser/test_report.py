"""The report in a real browser: plots are drawn, nothing is fetched, hostile names are text, and it fits a phone."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.support.expected_conditions import alert_is_present
from synthetic_comparison import make_comparison
from synthetic_run import invalid, make_run, read_trials, write_trials

from linerate.report.write import write_report

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
    """24 trials; one is invalid, and the name of one case is an injection attempt."""
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


def widths(selector: str) -> str:
    return f"Array.from(document.querySelectorAll('{selector}'), e => e.getBoundingClientRect().width)"


def drawn_lines(browser: webdriver.Chrome) -> list[str]:
    lines = "document.querySelectorAll('path.received, path.sent')"
    return list(evaluate(browser, f"Array.from({lines}, e => e.getAttribute('d'))"))


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three send methods, three repeats; one trial is not valid, one was not witnessed."""
    return write_report(make_comparison(tmp_path_factory.mktemp("comparison") / "run", 72)).report


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(make_comparison(tmp_path_factory.mktemp("large") / "run", 400)).report


def test_every_curve_and_bar_is_drawn(browser: webdriver.Chrome, report: Path) -> None:
    show(browser, report)
    # The plots of paced loads in order are folded.
    assert visible(browser, "svg.curve") == 4
    browser.execute_script("document.querySelectorAll('details').forEach(e => { e.open = true; })")
    # 8 groups of 3 repeats, sent and received each; the offered rate of the 4 paced groups.
    assert evaluate(browser, "document.querySelectorAll('svg.curve').length") == 8
    assert len(drawn_lines(browser)) == 8 * 3 * 2
    assert min(evaluate(browser, widths("path.received"))) > 250
    assert evaluate(browser, "document.querySelectorAll('svg.curve path.reference.offered').length") == 4
    bars = evaluate(browser, widths("rect.rate"))
    assert len(bars) == 8
    assert min(bars) > 150


def test_plots_are_shown_without_the_script(browser: webdriver.Chrome, comparison: Path, tmp_path: Path) -> None:
    """As in the preview of a mail, which runs no scripts."""
    bare = tmp_path / "bare.html"
    bare.write_text(re.sub(r"<script>.*?</script>", "", comparison.read_text(), flags=re.DOTALL))
    show(browser, bare)
    assert evaluate(browser, "document.querySelectorAll('path.received.median').length") == 8 * 3
    assert evaluate(browser, "document.querySelector('path.received').getBoundingClientRect().width") > 250
    assert not evaluate(browser, "document.getElementById('filter').checkVisibility()")
    assert evaluate(browser, "document.querySelectorAll('#trials tbody tr').length") == 72


def test_the_page_logs_no_errors_and_fetches_nothing(browser: webdriver.Chrome, report: Path) -> None:
    show(browser, report)
    assert browser.get_log("browser") == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert [url for url in sent if not url.startswith("data:")] == [report.as_uri()]


def test_the_policy_runs_only_our_script(browser: webdriver.Chrome, report: Path) -> None:
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
    assert HOSTILE in evaluate(browser, "document.querySelector('#curves').innerText")
    assert HOSTILE in evaluate(browser, "document.querySelector('.block').parentElement.innerText")
    # An alert would make every command above fail as well; this assertion names the cause.
    assert not alert_is_present()(browser)


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_no_width_makes_the_page_scroll_sideways(
    browser: webdriver.Chrome, report: Path, comparison: Path, width: int
) -> None:
    for page in (report, comparison):
        show(browser, page, width)
        browser.execute_script("document.querySelectorAll('details').forEach(e => { e.open = true; })")
        assert evaluate(browser, "document.documentElement.scrollWidth") <= width
        right = "Math.max(...Array.from(document.querySelectorAll('svg'), e => e.getBoundingClientRect().right))"
        assert evaluate(browser, right) <= width


def test_on_a_phone_tables_scroll_in_their_frames_and_text_is_readable(
    browser: webdriver.Chrome, comparison: Path
) -> None:
    show(browser, comparison, 390)
    for table in ("results", "ratios", "counted", "trials"):
        frame = f"document.querySelector('#{table}').parentElement"
        assert evaluate(browser, f"{frame}.scrollWidth > {frame}.clientWidth"), table
        assert evaluate(browser, f"{frame}.tabIndex") == 0
    # The height of the drawn text, which a drawing scaled to the page could make arbitrarily small.
    heights = "Array.from(document.querySelectorAll('svg text'), e => e.getBoundingClientRect().height)"
    assert min(evaluate(browser, heights)) >= 10


CONTRASTS = """
const parse = (text) => text.match(/[\\d.]+/g).map(Number);
const light = (text) => {
  const [r, g, b] = parse(text).map((v) => v / 255).map((v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
  return .2126 * r + .7152 * g + .0722 * b;
};
const ground = (element) => {
  for (let e = element; e; e = e.parentElement) {
    const colour = getComputedStyle(e).backgroundColor;
    if (!/, 0\\)$/.test(colour)) return colour;
  }
};
const ratio = (a, b) => (Math.max(light(a), light(b)) + .05) / (Math.min(light(a), light(b)) + .05);
const worst = {};
const note = (name, value) => { worst[name] = Math.min(worst[name] ?? 99, value); };
const texts = "p, li, th, td, h1, h2, h3, h4, a, span, dt, dd, code, figcaption, button, output, strong, label";
for (const e of document.querySelectorAll(texts))
  if (e.checkVisibility() && e.textContent.trim()) note("text", ratio(getComputedStyle(e).color, ground(e)));
for (const e of document.querySelectorAll("svg text")) note("labels", ratio(getComputedStyle(e).fill, ground(e)));
for (const e of document.querySelectorAll("path.received, path.reference, line.reference, line.interval"))
  note("lines", ratio(getComputedStyle(e).stroke, ground(e)));
return worst;
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_contrast_is_sufficient_in_both_schemes(browser: webdriver.Chrome, comparison: Path, scheme: str) -> None:
    """WCAG 2.2: 4.5 to 1 for text (1.4.3), 3 to 1 for lines that carry meaning (1.4.11)."""
    show(browser, comparison, scheme=scheme)
    found = browser.execute_script(CONTRASTS)
    assert found["text"] >= 4.5
    assert found["labels"] >= 4.5
    assert found["lines"] >= 3


def test_the_page_and_its_plots_follow_the_colour_scheme(browser: webdriver.Chrome, comparison: Path) -> None:
    seen = (
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector('svg text')).fill, "
        "getComputedStyle(document.querySelector('path.received')).stroke]"
    )
    show(browser, comparison, scheme="light")
    light = evaluate(browser, seen)
    show(browser, comparison, scheme="dark")
    dark = evaluate(browser, seen)
    assert light[0] == "rgb(255, 255, 255)"
    assert all(one != other for one, other in zip(light, dark))


def visible(browser: webdriver.Chrome, selector: str) -> int:
    script = f"Array.from(document.querySelectorAll('{selector}')).filter(e => e.checkVisibility()).length"
    return int(evaluate(browser, script))


def type_filter(browser: webdriver.Chrome, text: str) -> None:
    field = browser.find_element("css selector", "#filter input[type=search]")
    field.clear()
    field.send_keys(text)


def test_400_trials_can_be_filtered(browser: webdriver.Chrome, large: Path) -> None:
    show(browser, large)
    assert browser.get_log("browser") == []
    assert visible(browser, "#trials tbody tr") == 400
    type_filter(browser, "udp_port_scan_64 native topspeed")
    shown = visible(browser, "#trials tbody tr")
    assert 10 < shown < 30
    assert evaluate(browser, "document.querySelector('#filter output').textContent") == f"{shown} of 400 trials shown"
    assert visible(browser, "details.group") == 1
    type_filter(browser, "")
    browser.find_element("css selector", "#filter input[type=checkbox]").click()
    rows = "Array.from(document.querySelectorAll('#trials tbody tr:not(.out) th a'), e => e.textContent.slice(0, 3))"
    assert evaluate(browser, rows) == ["006", "008"]


def test_400_trials_can_be_sorted(browser: webdriver.Chrome, large: Path) -> None:
    show(browser, large)
    column = "Array.from(document.querySelectorAll('#trials tbody tr'), e => e.cells[3].textContent)"
    button = "#trials thead th:nth-child(4) button"
    browser.find_element("css selector", button).click()
    down = [text.replace(",", "") for text in evaluate(browser, column)]
    assert down[-1] == "-"
    assert [float(text) for text in down[:-1]] == sorted((float(text) for text in down[:-1]), reverse=True)
    browser.find_element("css selector", button).click()
    up = [text.replace(",", "") for text in evaluate(browser, column)]
    assert (up[:-1], up[-1]) == (down[-2::-1], "-") or sorted(up) == sorted(down)
    assert float(up[0]) < float(up[-2])
    assert evaluate(browser, "document.querySelectorAll('#trials th[aria-sort=ascending]').length") == 1


def test_400_trials_have_one_plot_for_each_case_and_rate(browser: webdriver.Chrome, large: Path) -> None:
    show(browser, large)
    assert evaluate(browser, "document.querySelectorAll('svg.curve').length") == 8
    assert evaluate(browser, "document.querySelectorAll('#trials tbody tr').length") == 400
    assert evaluate(browser, "document.querySelectorAll('#counted tbody tr').length") == 2


def test_a_trial_in_the_table_links_to_its_details(browser: webdriver.Chrome, large: Path) -> None:
    show(browser, large)
    assert visible(browser, "#trial-77 code") == 0
    browser.execute_script("document.querySelector('#trials a[href=\"#trial-77\"]').click()")
    browser.execute_async_script("const done = arguments[0]; requestAnimationFrame(() => setTimeout(done, 50));")
    assert visible(browser, "#trial-77 code") == 1
    assert evaluate(browser, "document.querySelector('#trial-77 code').textContent").startswith("tcpreplay -i lrs0")


def test_a_value_is_read_with_the_keyboard(browser: webdriver.Chrome, comparison: Path) -> None:
    show(browser, comparison)
    plot = browser.find_element("css selector", "svg.curve")
    browser.execute_script("arguments[0].focus()", plot)
    plot.send_keys("\ue014")
    read = evaluate(browser, "document.querySelector('.readout').textContent").splitlines()
    assert re.fullmatch(r"at \d\.\d\d s", read[0])
    assert re.fullmatch(r"kernel, received: [\d,]+ pps \(repeat 1\)(, [\d,]+ pps \(repeat \d\)){2}", read[1])
    plot.send_keys("\ue00c")
    assert evaluate(browser, "document.querySelector('.readout')") is None


def test_a_print_has_all_trials_and_no_controls(browser: webdriver.Chrome, comparison: Path) -> None:
    show(browser, comparison, scheme="dark")
    type_filter(browser, "udp")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    browser.execute_script("window.dispatchEvent(new Event('beforeprint'))")
    assert visible(browser, "#trials tbody tr") == 72
    assert visible(browser, "details.trial code") == 72
    assert visible(browser, "#filter") == visible(browser, "nav") == 0
    assert evaluate(browser, "getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    browser.execute_script("window.dispatchEvent(new Event('afterprint'))")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert visible(browser, "details.trial code") == 0


PAGES = re.compile(rb"/Type\s*/Page\b")


def test_24_trials_print_on_fewer_than_6_pages(browser: webdriver.Chrome, report: Path) -> None:
    show(browser, report)
    printed = browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True, "printBackground": True})
    assert 1 < len(PAGES.findall(base64.b64decode(printed["data"]))) < 6


BROKEN_WORDS = """
const broken = [];
const labels = "th, td, dt, figcaption, h1, h2, h3, .tiles";
const walker = document.createTreeWalker(document.querySelector("body"), NodeFilter.SHOW_TEXT);
for (let node = walker.nextNode(); node; node = walker.nextNode()) {
  if (!node.parentElement.checkVisibility() || !node.parentElement.closest(labels)) continue;
  for (const word of node.textContent.matchAll(/[\\p{L}\\p{N}_,.]+/gu)) {
    const range = document.createRange();
    range.setStart(node, word.index);
    range.setEnd(node, word.index + word[0].length);
    const lines = new Set(Array.from(range.getClientRects(), r => Math.round(r.top)));
    if (lines.size > 1) broken.push(word[0]);
  }
}
return broken;
"""


@pytest.mark.parametrize("trials", [24, 72])
def test_no_label_is_broken_mid_word_on_paper(browser: webdriver.Chrome, tmp_path: Path, trials: int) -> None:
    folder = make_comparison(tmp_path / "run", trials) if trials > 24 else make_run(tmp_path / "run", trials)
    # A page of A4 in landscape, without its margins, has 1,046 pixels.
    show(browser, write_report(folder).report, 1046)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    browser.execute_script("window.dispatchEvent(new Event('beforeprint'))")
    broken = browser.execute_script(BROKEN_WORDS)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 1046
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert broken == []


def test_on_a_phone_received_and_loss_are_next_to_a_fixed_first_column(
    browser: webdriver.Chrome, report: Path, comparison: Path
) -> None:
    for page, table in ((report, "results"), (comparison, "trials")):
        show(browser, page, 390)
        heads = f"Array.from(document.querySelectorAll('#{table} thead th'))"
        assert evaluate(browser, f"{heads}.slice(1, 3).map(e => e.textContent)") == ["Received, pps", "Loss, %"]
        seen = f"{heads}.slice(0, 3).map(e => e.getBoundingClientRect())"
        assert evaluate(browser, f"{seen}.map(r => r.right)[2]") <= 390
        left = evaluate(browser, f"{seen}.map(r => r.left)[0]")
        browser.execute_script(f"document.querySelector('#{table}').parentElement.scrollLeft = 300")
        assert evaluate(browser, f"{seen}.map(r => r.left)[0]") == left
        assert evaluate(browser, f"{seen}.map(r => r.left)[1]") < left


def test_a_chart_over_frame_size_takes_a_pointer_without_an_error(browser: webdriver.Chrome, comparison: Path) -> None:
    show(browser, comparison)
    chart = browser.find_element("css selector", "svg.chart")
    webdriver.ActionChains(browser).move_to_element(chart).perform()
    assert browser.get_log("browser") == []
    assert evaluate(browser, "document.querySelectorAll('svg.chart path.line-rate').length") == 1


def test_dots_are_within_the_whisker_and_walls_stay_folded(browser: webdriver.Chrome, comparison: Path) -> None:
    show(browser, comparison)
    assert evaluate(browser, "document.querySelectorAll('circle.repeat').length") > 30
    outside = """
    const outside = [];
    for (const svg of document.querySelectorAll(".bar svg")) {
      const at = (e, name) => parseFloat(e.getAttribute(name));
      const dots = Array.from(svg.querySelectorAll("circle.repeat"), e => at(e, "cx"));
      for (const whisker of svg.querySelectorAll("line.interval"))
        if (at(whisker, "x1") < Math.min(...dots) || at(whisker, "x2") > Math.max(...dots)) outside.push(dots);
    }
    return outside;
    """
    assert browser.execute_script(outside) == []
    assert visible(browser, "details.more") > 0
    assert visible(browser, "details.more .line") == 0

#!/usr/bin/env python3
"""Make the pictures of the README: a run in a terminal, and its report. As root; the run is one of the embedded lab.

The console is what tmux shows in the middle of the run, written as SVG; the report is a screenshot of its top.
"""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text
from selenium import webdriver

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
CHROMIUM, CHROMEDRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
COLUMNS, ROWS = 100, 45
WIDTH, HEIGHT = 1280, 1150
LEAST_TRIALS = 7
SENDING = re.compile(r"#\d   >>  [\d.]+/.*[▁-█]{3}")
ENDED = re.compile(r"^(PASS|FAIL|STOP|Pane is dead)\b", re.MULTILINE)
FONTS = re.compile(r"@font-face \{\{.*?\}\}\s*", re.DOTALL)
WHITE_ON_BLACK = TerminalTheme(
    (20, 24, 29),
    (227, 231, 236),
    [(20, 24, 29), (240, 138, 138), (111, 207, 151), (224, 176, 80), (143, 193, 245), (199, 155, 242), (98, 199, 154)],
)


def run_in_terminal(folder: Path) -> tuple[str, Path]:
    """Run the playbook in a terminal of its own; returns what it showed while a trial was sent, and the report."""
    socket, playbook = str(folder / "tmux"), ROOT / ".venv" / "bin" / "ansible-playbook"
    tmux = ["tmux", "-f", "/dev/null", "-S", socket]
    size = ["-x", str(COLUMNS), "-y", str(ROWS)]
    start = [*tmux, "new-session", "-d", *size, str(playbook), "site.yml", ";", "set-option", "remain-on-exit", "on"]
    subprocess.run(start, check=True, cwd=ROOT)
    try:
        return _watch([*tmux, "capture-pane", "-e", "-p"])
    finally:
        subprocess.run([*tmux, "kill-server"], check=False)


def _watch(capture: list[str]) -> tuple[str, Path]:
    seen = ""
    while True:
        time.sleep(0.3)
        shown = subprocess.run(capture, check=True, capture_output=True, text=True).stdout
        plain = Text.from_ansi(shown).plain
        if not seen and plain.count("  ok  ") >= LEAST_TRIALS and SENDING.search(plain):
            seen = shown
        if ENDED.search(plain):
            report = re.search(r"file://(\S+)", plain.replace("\n", ""))
            if not (seen and report):
                sys.exit(f"the run has no picture:\n{plain}")
            return seen, (ROOT / "results" / "latest" / "report.html").resolve()


def console_svg(shown: str) -> str:
    """The lines of a terminal with their colours as SVG, which takes nothing from elsewhere."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    console.print(Text.from_ansi(shown.rstrip()))
    style = FONTS.sub("", CONSOLE_SVG_FORMAT).replace("Fira Code", "ui-monospace, Liberation Mono")
    return console.export_svg(title="make run", theme=WHITE_ON_BLACK, code_format=style)


def screenshot(report: Path, folder: str) -> bytes:
    """The top of the report as PNG."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    switches = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
    for option in (*switches, f"--user-data-dir={folder}/profile", f"--window-size={WIDTH},{HEIGHT}"):
        options.add_argument(option)
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(CHROMEDRIVER))
    try:
        browser.get(report.as_uri())
        clip = {"x": 0, "y": 0, "width": WIDTH, "height": HEIGHT, "scale": 1}
        options_of_shot = {"captureBeyondViewport": True, "clip": clip}
        return base64.b64decode(browser.execute_cdp_cmd("Page.captureScreenshot", options_of_shot)["data"])
    finally:
        browser.quit()


def main() -> None:
    """Write both pictures."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        shown, report = run_in_terminal(Path(folder))
        (IMAGES / "console.svg").write_text(console_svg(shown), encoding="utf-8")
        (IMAGES / "report.png").write_bytes(screenshot(report, folder))
    for picture in sorted(IMAGES.iterdir()):
        print(f"{picture.relative_to(ROOT)}: {picture.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()

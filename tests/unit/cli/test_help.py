"""The help of every command."""

from __future__ import annotations

import pytest

from linerate.cli.main import main


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("pcap", "An up-to-date pcap is not written again."),
        ("parse", "print one JSON object per file."),
        ("report", "Write report.html, summary.md, summary.json and trials.csv to the folder of a run"),
        ("compare", "AFTER divided by BEFORE, with 95 % intervals"),
    ],
)
def test_a_command_describes_itself(command, text, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert text in capsys.readouterr().out

"""The help of every command, its examples, the completion of shells, and the man page."""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from compared_run import stored, trial
from synthetic_run import read_info, write_info

from linerate.cli.completion import SHELLS
from linerate.cli.main import main, parser
from linerate.pcap.spec import PcapSpec
from linerate.pcap.template import build_templates
from linerate.pcap.writer import write_pcap

SAVED = (
    "Actual: 7000 packets (546000 bytes) sent in 3.05 seconds.\nRated: 154455.4 Bps, 1.23 Mbps, 1980.19 pps\n"
    "Statistics for network device: eth0\n\tSuccessful packets:        7000\n\tFailed packets:            0\n"
    "\tTruncated packets:         0\n\tRetried packets (ENOBUFS): 0\n\tRetried packets (EAGAIN):  0\n"
)
MAN_PAGE = Path(__file__).parents[3] / "tools/man_page.py"
ON_HOSTS = {"run", "plan", "throughput"}


def commands() -> dict[str, argparse.ArgumentParser]:
    (action,) = [one for one in parser()._actions if isinstance(one, argparse._SubParsersAction)]
    return dict(action.choices)


def examples(command: argparse.ArgumentParser) -> list[str]:
    return [line.strip() for line in (command.epilog or "").splitlines()[1:]]


EXAMPLES = [line for command in [parser(), *commands().values()] for line in examples(command)]


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("pcap", "An up-to-date pcap is not written again."),
        ("parse", "print one JSON object per file."),
        ("report", "Write report.html, summary.md, summary.json, trials.csv and junit.xml to the folder of a run"),
        ("compare", "AFTER divided by BEFORE, with 95 % intervals"),
        ("run", "Exit status: 0 every run passed, 1 a trial is not valid"),
        ("list", "newest first"),
    ],
)
def test_a_command_describes_itself(command, text, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert text in capsys.readouterr().out


@pytest.mark.parametrize("name", list(commands()))
def test_every_help_has_examples_and_no_format_that_was_not_filled_in(name):
    text = commands()[name].format_help()
    assert "Examples:\n  " in text
    assert "%%" not in text
    assert "%(" not in text


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """A folder with everything that the examples name."""
    for number, name in enumerate(("BEFORE", "AFTER"), start=1):
        (tmp_path / "results").mkdir(exist_ok=True)
        folder = tmp_path / "results" / name
        stored(folder, [trial(n, "kernel", 1000.0 + n) for n in (1, 2, 3)])
        write_info(folder, {**read_info(folder), "created_at": f"2026-01-0{number}T00:00:00.000Z"})
    (tmp_path / "results/latest").symlink_to("AFTER")
    (tmp_path / "saved-output.txt").write_text(SAVED)
    spec = PcapSpec(protocol="udp", packets=3, src_mac="02:00:00:00:00:01", dst_mac="02:00:00:00:00:02")
    write_pcap(str(tmp_path / "capture.pcapng"), spec, build_templates(spec))
    for folder in (".zfunc", ".local/share/bash-completion/completions"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "site.yml").touch()
    tools = tmp_path / "bin"
    tools.mkdir()
    # Stand-ins for what the examples start; linerate is the real one.
    for name, script in (
        ("linerate", f'exec {sys.executable} -m linerate.cli.main "$@"'),
        ("firefox", "exit 0"),
        ("tcpreplay", f"cat {tmp_path}/saved-output.txt"),
    ):
        (tools / name).write_text(f"#!/bin/sh\n{script}\n")
        (tools / name).chmod(0o755)
    monkeypatch.chdir(tmp_path)
    for name, value in (("HOME", tmp_path), ("LINERATE_HOME", tmp_path), ("PATH", f"{tools}:/usr/bin:/bin")):
        monkeypatch.setenv(name, str(value))
    return tmp_path


@pytest.mark.parametrize("example", [line for line in EXAMPLES if shlex.split(line)[1] not in ON_HOSTS])
def test_the_examples_that_need_no_host_succeed(example, bench):
    example = example if "open" not in example else f"BROWSER=firefox {example.removeprefix('BROWSER=firefox ')}"
    done = subprocess.run(["/bin/sh", "-c", example], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("example", [line for line in EXAMPLES if shlex.split(line)[1] in ON_HOSTS])
def test_the_examples_that_need_hosts_are_understood(example):
    assert parser().parse_args(shlex.split(example)[1:]).run


@pytest.mark.parametrize("shell", SHELLS)
def test_the_completion_knows_every_command(shell, capsys):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert [name for name in commands() if name not in script] == []


def test_bash_completes_a_command_and_an_option(capsys, tmp_path):
    main(["completion", "bash"])
    script = tmp_path / "linerate"
    script.write_text(capsys.readouterr().out)
    for words, expected in ((["linerate", "thr"], "throughput"), (["linerate", "compare", "--fail"], "--fail-below")):
        complete = (
            f"source {script}; COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; "
            f"_shtab_linerate linerate {words[-1]} {words[-2]}; echo ${{COMPREPLY[@]}}"
        )
        done = subprocess.run(["bash", "-c", complete], capture_output=True, text=True, check=False)
        assert done.stdout.split() == [expected], done.stderr


def test_the_man_page_has_every_command_and_its_examples(tmp_path):
    page = tmp_path / "linerate.1"
    tool = Path(sys.executable).parent / "argparse-manpage"
    options = ["--pyfile", str(MAN_PAGE), "--function", "parser_with_examples", "--prog", "linerate"]
    form = ["--format", "single-commands-section", "--output", str(page)]
    subprocess.run([tool, *options, *form], check=True, capture_output=True)
    text = page.read_text().replace("\\-", "-")
    assert [name for name in commands() if name not in text] == []
    assert [line for line in EXAMPLES if line.replace("\\", "") not in text.replace("\\", "")] == []

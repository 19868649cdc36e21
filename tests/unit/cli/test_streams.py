"""Streams that cannot be read or written: one line on standard error and status 3, for every command."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import subprocess
import sys

import pytest

COMMANDS = ("pcap", "parse", "report", "compare", "list", "show", "completion", "--help", "--version")


@pytest.fixture
def argv(tmp_path, run_dir):
    """The arguments that let each command print something."""
    saved = tmp_path / "saved.txt"
    saved.write_text(
        "Actual: 7000 packets (546000 bytes) sent in 3.05 seconds.\n"
        "Rated: 154455.4 Bps, 1.23 Mbps, 1980.19 pps\n"
        "Statistics for network device: eth0\n\tSuccessful packets:        7000\n\tFailed packets:            0\n"
        "\tTruncated packets:         0\n\tRetried packets (ENOBUFS): 0\n\tRetried packets (EAGAIN):  0\n"
    )
    return {
        "pcap": ["pcap", "--protocol", "udp", "--packets", "3", str(tmp_path / "out.pcap")],
        "parse": ["parse", str(saved)],
        "report": ["report", str(run_dir)],
        "compare": ["compare", str(run_dir), str(run_dir)],
        "list": ["list", "--results", str(run_dir.parent)],
        "show": ["show", str(run_dir)],
        "completion": ["completion", "bash"],
        "--help": ["--help"],
        "--version": ["--version"],
    }


def linerate(argv, redirections="", **environment):
    """Run the command line in a shell, with its redirections."""
    return subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {redirections}', "sh", sys.executable, "-m", "linerate.cli.main", *argv],
        env={**os.environ, **environment},
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk(command, argv):
    done = linerate(argv[command], ">/dev/full")
    assert done.returncode == 3
    *_, last = done.stderr.splitlines()
    assert last == (
        "linerate: standard output: cannot be written: No space left on device. "
        "Use a place that is writable and has room."
    )
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_a_closed_output(command, argv):
    done = linerate(argv[command], ">&-")
    assert done.returncode == 3
    assert done.stderr == "linerate: standard output: is closed. Redirect it to a file or a pipe.\n"


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
def test_messages_that_cannot_be_written_are_not_mixed_with_the_output(redirection, argv):
    done = linerate(argv["pcap"], redirection)
    assert "linerate pcap:" not in done.stdout


def test_every_stream_closed(argv):
    assert linerate(argv["parse"], "<&- >&- 2>&-").returncode == 3


def test_a_closed_input():
    done = linerate(["parse", "-"], "<&-")
    assert done.returncode == 1
    assert done.stderr == "linerate parse: -: cannot be read: standard input is closed\n"


def test_an_output_that_cannot_encode(run_dir):
    folder = run_dir.rename(run_dir.with_name("L\u00e4ufe"))
    done = linerate(["report", str(folder)], PYTHONIOENCODING="ascii")
    assert done.returncode == 3
    assert done.stderr == "linerate: standard output: ascii cannot encode \\xe4. Set LC_ALL=C.UTF-8.\n"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_is_named(encoding, tmp_path):
    saved = tmp_path / "saved.txt"
    saved.write_bytes("\ufeffActual: 10 packets".encode(encoding))
    done = linerate(["parse", str(saved)])
    assert done.returncode == 1
    assert "cannot be read: the text is UTF-16, as PowerShell writes it. Convert it: iconv -f UTF-16" in done.stderr


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("Actual: 10 packets".encode("utf-16-le"), "the text is UTF-16LE. Convert it: iconv -f UTF-16LE -t UTF-8 IN"),
        ("Actual: 10 packets".encode("utf-16-be"), "the text is UTF-16BE. Convert it: iconv -f UTF-16BE -t UTF-8 IN"),
        ("\ufeffActual: 10 packets".encode("utf-32-le"), "the text is UTF-32. Convert it: iconv -f UTF-32 -t UTF-8"),
        (gzip.compress(b"Actual: 10 packets"), "it is compressed. Decompress it: gunzip "),
        (lzma.compress(b"Actual: 10 packets"), "it is compressed. Decompress it: unxz "),
        (bz2.compress(b"Actual: 10 packets"), "it is compressed. Decompress it: bunzip2 "),
        (bytes.fromhex("7f454c4602010100") + bytes(40), "is not text: it has zero bytes"),
    ],
    ids=["UTF-16LE", "UTF-16BE", "UTF-32", "gzip", "xz", "bzip2", "a program"],
)
def test_what_is_not_text_is_named(content, reason, tmp_path):
    saved = tmp_path / "saved.txt"
    saved.write_bytes(content)
    done = linerate(["parse", str(saved)])
    assert done.returncode == 1
    assert reason in done.stderr


@pytest.mark.parametrize(
    "text",
    [
        "bash: line 1: sudo: command not found",
        "sh: 1: sudo: not found",
        "sudo: tcpreplay: command not found",
        "sudo: a password is required",
    ],
)
def test_a_command_that_did_not_start_is_the_reason(text, tmp_path):
    saved = tmp_path / "saved.txt"
    saved.write_text(f"{text}\n")
    done = linerate(["parse", str(saved)])
    assert done.stderr == f"linerate parse: {saved}: holds no complete statistics: {text}\n"

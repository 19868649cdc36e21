"""playbooks/verify.yml passes on a correct sender, and each of its checks fails on a broken one.

A run takes seconds, so one run has several faults at once, and the whole list is compared: it must contain
nothing else.
"""

from __future__ import annotations

import shutil
import subprocess
from contextlib import ExitStack, contextmanager
from pathlib import Path


def ip(host: str, *words: str) -> None:
    subprocess.run(["ip", "-n", f"linerate-{host}", *words], check=True)


def failed_checks(play, **extra_vars) -> list[str]:
    """The failed checks of a sender that must not pass."""
    played = play("playbooks/verify.yml", **extra_vars)
    assert played.rc != 0, played.stdout
    assert played.changed_tasks == 0
    head, *lines = played.failures[0].splitlines()
    assert head == "Host checks failed on sender1:"
    return lines


def program(path: Path, script: str) -> str:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


@contextmanager
def hidden(name: str, behind: Path):
    """Hide a program, in the mount namespace of the tests, behind an empty file that is not executable."""
    path = shutil.which(name)
    subprocess.run(["mount", "--bind", str(behind), path], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", path], check=True)


def test_correct_sender_passes_and_is_not_changed(lab, play):
    verified = play("playbooks/verify.yml", "--check")
    assert (verified.rc, verified.changed_tasks) == (0, 0), verified.stdout
    assert "sender1: 14 checks passed" in verified.stdout


def test_missing_program_and_interface(lab, play):
    assert failed_checks(play, tcpreplay_executable="/nowhere/tcpreplay", linerate_interface="nope0") == [
        "sender1: tcpreplay is installed, runs, and prints its version: there is no /nowhere/tcpreplay",
        "sender1: tcpreplay sends through a packet socket by default: its injection method is not known",
        "sender1: The sending interface exists: there is no nope0 among lo, lrs0",
        "sender1: The sending interface is up: nope0 does not exist",
        "sender1: The sending interface has a carrier: nope0 does not exist",
        "sender1: The sending interface has an MTU of 1500 or more: nope0 does not exist",
    ]


def test_programs_that_cannot_run(lab, play, tmp_path):
    tcpreplay = program(tmp_path / "tcpreplay", "echo 'cannot open shared object file' >&2; exit 127")
    empty = tmp_path / "empty"
    empty.touch(mode=0o644)
    with ExitStack() as stack:
        for name in ("make", "ethtool"):
            stack.enter_context(hidden(name, empty))
        lines = failed_checks(play, tcpreplay_executable=tcpreplay)
    assert "`-V` ended with 127 (cannot open shared object file)" in lines.pop(0)
    assert lines == [
        "sender1: tcpreplay sends through a packet socket by default: its injection method is not known",
        "sender1: make is in PATH: it is not",
        "sender1: ethtool is in PATH: it is not",
    ]


def test_interface_down(lab, play):
    ip("sender1", "link", "set", "lrs0", "down")
    assert failed_checks(play) == [
        "sender1: The sending interface is up: lrs0 is down",
        "sender1: The sending interface has a carrier: lrs0 has none",
    ]


def test_wrong_injection_method_mtu_and_route(lab, play, tmp_path):
    script = f'{shutil.which("tcpreplay")} "$@" 2>&1 | sed "s/PF_PACKET send/libpcap inject/"'
    ip("sender1", "link", "set", "lrs0", "mtu", "1400")
    ip("sender1", "address", "add", "198.18.0.1/24", "dev", "lrs0")
    ip("sender1", "route", "add", "default", "via", "198.18.0.254")
    ip("receiver1", "link", "set", "lrr0", "down")
    lines = failed_checks(play, tcpreplay_executable=program(tmp_path / "tcpreplay", script))
    assert lines == [
        "sender1: tcpreplay sends through a packet socket by default: its injection method is libpcap inject()",
        "sender1: The sending interface has a carrier: lrs0 has none",
        "sender1: The sending interface has an MTU of 1500 or more: lrs0 has 1400",
        "sender1: The sending interface does not carry the default route: the default route uses lrs0",
    ]

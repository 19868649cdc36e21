"""Programs that behave as badly as tcpreplay can, ended all the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from linerate.errors import HostError, InputError
from linerate.tcpreplay.supervise import KEPT_BYTES, Capture, HopelessError, Running, supervise


def python(code: str) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(code)]


def test_both_streams_and_the_status_are_kept_apart():
    outcome = supervise(python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"), 30)
    assert (outcome.stdout, outcome.stderr, outcome.exit_status) == ("out\n", "err\n", 3)
    assert not outcome.deadline_exceeded
    assert outcome.stopped_because is None


def test_one_that_never_ends_is_interrupted_at_the_deadline():
    outcome = supervise(["sleep", "600"], 0.3)
    assert outcome.deadline_exceeded
    assert outcome.stopped_because == "it did not end within 0.3 s"
    # A machine that is busy may need the second one.
    assert outcome.signals_sent[0] == "SIGINT"
    assert outcome.exit_status == -signal.SIGINT


def test_one_that_ignores_the_interruption_is_killed():
    deaf = python("import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(600)")
    outcome = supervise(deaf, 1.0, grace_seconds=0.3)
    assert outcome.signals_sent == ("SIGINT", "SIGKILL")
    assert outcome.exit_status == -signal.SIGKILL


def test_a_flood_on_stderr_is_drained_counted_and_capped():
    flood = python(
        """
        import os
        os.set_blocking(2, False)
        sent = 0
        while sent < 50_000_000:
            try:
                sent += os.write(2, b'Message too long\\n' * 1000)
            except BlockingIOError:
                pass
        print(sent)
        """
    )
    outcome = supervise(flood, 120, max_stderr_bytes=100_000_000)
    assert outcome.stderr_bytes == int(outcome.stdout)
    assert len(outcome.stderr) < 2 * KEPT_BYTES + 100
    assert "bytes left out" in outcome.stderr


FLOOD = "import os\nwhile True: os.write(2, b'x' * 65536)"


def test_a_flood_does_not_put_the_deadline_off():
    outcome = supervise(python(FLOOD), 0.5, grace_seconds=0.5, max_stderr_bytes=1 << 60)
    assert outcome.deadline_exceeded
    assert outcome.stderr_bytes > KEPT_BYTES


def test_a_flood_is_hopeless_and_ended_long_before_the_deadline():
    outcome = supervise(python(FLOOD), 600, max_stderr_bytes=1_000_000)
    assert outcome.stopped_because == "it wrote more than 1,000,000 bytes of messages"
    assert not outcome.deadline_exceeded
    assert outcome.signals_sent[0] == "SIGINT"
    # What it wrote in the moments until it died is drained, and not kept.
    assert len(outcome.stderr) < 2 * KEPT_BYTES + 100


def test_a_hopeless_run_is_ended_for_the_reason_given():
    def tick(running: Running) -> float:
        if b"ready" in running.stderr.text().encode():
            raise HopelessError("the interface is gone")
        return 0.01

    deaf = python(
        """
        import signal, sys, time
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print("ready", file=sys.stderr, flush=True)
        time.sleep(600)
        """
    )
    outcome = supervise(deaf, 600, tick)
    assert outcome.stopped_because == "the interface is gone"
    assert outcome.signals_sent == ("SIGINT", "SIGKILL")
    assert not outcome.deadline_exceeded


def test_a_signal_to_the_supervisor_s_group_spares_the_program():
    outcome = supervise(["sh", "-c", "ps -o sid= -p $$; echo $$"], 30)
    session, pid = outcome.stdout.split()
    assert session == pid


def test_closed_pipes_do_not_end_the_watch():
    outcome = supervise(python("import os, time; os.close(1); os.close(2); time.sleep(600)"), 0.5)
    assert outcome.deadline_exceeded


def test_the_program_dies_with_its_supervisor(tmp_path: Path):
    note = tmp_path / "pid"
    code = f"""
        from linerate.tcpreplay.supervise import supervise
        supervise(["sh", "-c", "echo $$ > {note}; exec sleep 600"], 600)
    """
    parent = subprocess.Popen(python(code))
    while not note.exists() or not note.read_text().strip():
        time.sleep(0.02)
    child = int(note.read_text())
    parent.kill()
    parent.wait()
    for _ in range(500):
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    pytest.fail("the program outlived its supervisor")


def test_tick_runs_while_the_program_does():
    seen: list[int] = []

    def tick(running: Running) -> float:
        seen.append(running.pid)
        return 0.05

    supervise(["sleep", "0.5"], 30, tick)
    assert len(seen) > 3
    assert len(set(seen)) == 1


def test_what_cannot_start_is_named():
    with pytest.raises(HostError, match="/nope/tcpreplay"):
        supervise(["/nope/tcpreplay"], 1)
    with pytest.raises(InputError, match="deadline"):
        supervise(["true"], 0)


def test_capture_keeps_head_and_tail():
    capture = Capture(keep=4)
    for piece in (b"abc", b"def", b"ghijklmnop", b"qrstuvwxyz"):
        capture.feed(piece)
    assert capture.text() == "abcd\n[... 18 bytes left out ...]\nwxyz"
    assert capture.total == 26

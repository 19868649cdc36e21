"""Running real programs."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from linerate.errors import HostError
from linerate.system.run import run, run_logged


def test_output_and_status_are_returned():
    script = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    done = run([sys.executable, "-c", script])
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")
    assert done.argv == (sys.executable, "-c", script)


def test_locale_is_c(monkeypatch):
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert run([sys.executable, "-c", "import os; print(os.environ['LC_ALL'])"]).stdout == "C\n"


def test_arguments_are_passed_unchanged():
    odd = "$(touch /nowhere); 'a b'"
    assert run([sys.executable, "-c", "import sys; print(sys.argv[1])", odd]).stdout == odd + "\n"


def test_invalid_utf8_is_replaced():
    done = run([sys.executable, "-c", r"import sys; sys.stdout.buffer.write(b'\xff')"])
    assert done.stdout == "�"


def test_missing_program_is_named():
    with pytest.raises(HostError, match=r"no-such-program-here.*is not on this host.*Install"):
        run(["no-such-program-here", "--version"])


def test_file_that_is_not_executable_is_named(tmp_path):
    plain = tmp_path / "plain"
    plain.write_text("text")
    with pytest.raises(HostError, match="Permission denied"):
        run([str(plain)])


def test_program_that_hangs_is_killed():
    with pytest.raises(HostError, match=r"did not end within 0\.2 s"):
        run([sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.2)


def test_log_has_both_streams_and_program_runs_in_the_folder(tmp_path):
    script = "import os, sys; print(os.getcwd(), os.environ['LC_ALL'], flush=True); sys.exit('err')"
    assert run_logged([sys.executable, "-c", script], tmp_path, tmp_path / "log") == 1
    assert (tmp_path / "log").read_text() == f"{tmp_path} C\nerr\n"


def test_missing_program_is_named_in_the_log(tmp_path):
    assert run_logged(["no-such-program-here"], tmp_path, tmp_path / "log") > 0
    assert "no-such-program-here" in (tmp_path / "log").read_text()


def running(pid: str) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_logged_program_that_hangs_is_killed_with_its_children(tmp_path):
    script = "echo $$; sleep 600 & echo $!; wait"
    with pytest.raises(HostError, match=r"did not end within 1 s.*See .*log"):
        run_logged(["sh", "-c", script], tmp_path, tmp_path / "log", timeout=1)
    pids = (tmp_path / "log").read_text().split()
    assert len(pids) == 2
    deadline = time.monotonic() + 30
    while any(running(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [pid for pid in pids if running(pid)] == []

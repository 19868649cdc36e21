"""The real runner, on real programs."""

from __future__ import annotations

import sys

import pytest

from linerate.errors import HostError
from linerate.host.run import run


def test_both_streams_and_the_status_come_back():
    script = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    done = run([sys.executable, "-c", script])
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")
    assert done.argv == (sys.executable, "-c", script)


def test_the_locale_is_c(monkeypatch):
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert run([sys.executable, "-c", "import os; print(os.environ['LC_ALL'])"]).stdout == "C\n"


def test_arguments_reach_the_program_as_they_are():
    odd = "$(touch /nowhere); 'a b'"
    assert run([sys.executable, "-c", "import sys; print(sys.argv[1])", odd]).stdout == odd + "\n"


def test_bytes_that_are_not_utf8_do_not_raise():
    done = run([sys.executable, "-c", r"import sys; sys.stdout.buffer.write(b'\xff')"])
    assert done.stdout == "�"


def test_a_missing_program_is_named():
    with pytest.raises(HostError, match=r"no-such-program-here.*is not on this host.*Install"):
        run(["no-such-program-here", "--version"])


def test_a_file_that_is_no_program_is_named(tmp_path):
    plain = tmp_path / "plain"
    plain.write_text("text")
    with pytest.raises(HostError, match="Permission denied"):
        run([str(plain)])


def test_a_program_that_hangs_is_ended():
    with pytest.raises(HostError, match=r"did not end within 0\.2 s"):
        run([sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.2)

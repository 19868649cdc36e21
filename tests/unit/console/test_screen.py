"""The screen on a real pseudo terminal, in a pipe, and with encodings that lack characters."""

from __future__ import annotations

import fcntl
import io
import os
import struct
import termios
from collections.abc import Iterator
from typing import TextIO

import pytest

from linerate.console.screen import Redirected, Screen


@pytest.fixture
def terminal() -> Iterator[tuple[TextIO, int]]:
    """A terminal of 20 columns, as a stream, and the other end of it."""
    other, own = os.openpty()
    fcntl.ioctl(own, termios.TIOCSWINSZ, struct.pack("HHHH", 5, 20, 0, 0))
    with os.fdopen(own, "w", encoding="utf-8") as stream:
        yield stream, other
    os.close(other)


def written(other: int) -> str:
    return os.read(other, 100_000).decode()


def test_a_status_is_cut_to_the_width_and_removed_before_a_line(terminal):
    stream, other = terminal
    screen = Screen(stream, live=True)
    screen.status(["first " + "x" * 40, "second"])
    assert written(other) == "first " + "x" * 13 + "\r\nsecond"
    screen.line("stays")
    assert written(other) == "\r\x1b[1A\x1b[Jstays\r\nfirst " + "x" * 13 + "\r\nsecond"
    screen.status([])
    assert written(other) == "\r\x1b[1A\x1b[J"


def test_the_same_status_is_not_drawn_again(terminal):
    stream, other = terminal
    screen = Screen(stream, live=True)
    screen.status(["same"])
    written(other)
    screen.status(["same"])
    os.set_blocking(other, False)
    with pytest.raises(BlockingIOError):
        os.read(other, 1)


def test_what_others_print_goes_above_the_status_and_to_the_log(terminal):
    stream, other = terminal
    screen, log = Screen(stream, live=True), []
    screen.status(["status"])
    written(other)
    print("\x1b[31mwarning\x1b[0m", file=Redirected(stream, screen, log.append))
    assert written(other).replace("\r\n", "\n").split("\r\x1b[J")[1].startswith("\x1b[31mwarning\x1b[0m")
    assert "".join(log) == "warning\n"


def test_a_pipe_gets_lines_only():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    screen = Screen(stream, live=False)
    screen.status(["status"])
    screen.line("line", "bad")
    assert stream.buffer.getvalue() == b"line\n"


def test_characters_that_the_terminal_does_not_have_are_replaced():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    screen = Screen(stream, live=False)
    screen.line("▁ ü")
    assert screen.ascii_only
    assert stream.buffer.getvalue() == b"? ?\n"


def test_a_closed_pipe_is_left_alone():
    reader, writer = os.pipe()
    stream = os.fdopen(writer, "w")
    os.close(reader)
    screen = Screen(stream, live=False)
    screen.line("nobody reads this")
    screen.line("nor this")
    with pytest.raises(BrokenPipeError):
        stream.close()

"""What the processes that run the tasks tell the process that draws: datagrams of JSON over a pair of sockets.

The pair is opened before Ansible forks its workers, which inherit it. Nothing here raises or waits: an event that
cannot be sent is lost, and the view shows less.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from typing import Any

MAX_BYTES = 64 * 1024


class Feed:
    """One end for any number of senders, one for the reader. ``follow`` is whether the reader wants intervals."""

    def __init__(self, follow: bool) -> None:
        self.follow = follow
        self._reader, self._writer = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        for end in (self._reader, self._writer):
            end.setblocking(False)

    def send(self, event: Mapping[str, Any]) -> None:
        """Pass an event on, if there is room for it."""
        try:
            self._writer.send(json.dumps(event).encode())
        except (OSError, TypeError, ValueError):
            return

    def received(self) -> Iterator[dict[str, Any]]:
        """The events that have arrived."""
        while True:
            try:
                event = json.loads(self._reader.recv(MAX_BYTES))
            except OSError:
                return
            except ValueError:
                continue
            if isinstance(event, dict):
                yield event


_open: list[Feed] = []


def open_feed(follow: bool) -> Feed:
    """The feed of this process and of those that it forks."""
    _open[:] = [Feed(follow)]
    return _open[0]


def current_feed() -> Feed | None:
    """The feed that this process inherited; None without a live view."""
    return _open[0] if _open else None

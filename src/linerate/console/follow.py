"""Follow the events of a trial on its sender, from a thread of the process that runs the task."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any, Callable

LOCAL_PAUSE, REMOTE_PAUSE = 1.0, 3.0
"""Seconds between two reads. A read over SSH takes 5 ms of CPU time here, and about as much on the sender."""
SLOW = 5
"""The pause is at least so many times the duration of the last read: a slow connection is read rarely."""

Read = Callable[[int], bytes]
"""The content of the file of events from an offset in bytes; empty where there is none (yet)."""


class Follower:
    """Passes new events on until :meth:`stop`. A read that fails ends it: the view then shows less."""

    def __init__(self, read: Read, send: Callable[[Mapping[str, Any]], None], pause: float = LOCAL_PAUSE) -> None:
        self._read, self._send, self._pause = read, send, pause
        self._offset, self._rest = 0, b""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="linerate-follow", daemon=True)

    def start(self) -> None:
        """Read in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End reading; a read in progress is not waited for."""
        self._stop.set()

    def poll(self) -> Iterator[dict[str, Any]]:
        """The events since the last call."""
        content = self._read(self._offset)
        self._offset += len(content)
        *lines, self._rest = (self._rest + content).split(b"\n")
        for line in lines:
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict):
                yield event

    def _run(self) -> None:
        pause = self._pause
        while not self._stop.wait(pause):
            began = time.monotonic()
            try:
                for event in self.poll():
                    if event.get("event") == "end":
                        return
                    self._send(event)
            except Exception:
                # Whatever a connection may raise: the trial goes on without being followed.
                return
            pause = max(self._pause, SLOW * (time.monotonic() - began))

"""Events on their way from the sender to the process that draws."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from linerate.console.feed import Feed, current_feed, open_feed
from linerate.console.follow import Follower


def test_a_forked_process_feeds_its_parent():
    feed = open_feed(follow=True)
    child = os.fork()
    if child == 0:
        found = current_feed()
        if found:
            found.send({"event": "interval", "packets": 3})
        os._exit(0)
    os.waitpid(child, 0)
    assert list(feed.received()) == [{"event": "interval", "packets": 3}]


def test_a_feed_that_nobody_reads_blocks_nobody():
    feed = Feed(follow=True)
    for _ in range(10_000):
        feed.send({"event": "interval"})
    assert 0 < len(list(feed.received())) < 10_000


def test_what_is_no_event_is_dropped():
    feed = Feed(follow=True)
    feed.send({"not": {"json"}})
    feed.send({"long": "x" * 1_000_000})
    feed._writer.send(b"{")
    feed._writer.send(b"[]")
    assert list(feed.received()) == []


def test_a_follower_reads_whole_lines_from_where_it_was(tmp_path):
    path = tmp_path / "events"
    path.write_bytes(b'{"event":"start"}\n{"event":"int')

    def read(offset: int) -> bytes:
        with Path(path).open("rb") as file:
            file.seek(offset)
            return file.read()

    follower = Follower(read, lambda event: None)
    assert [event["event"] for event in follower.poll()] == ["start"]
    with path.open("ab") as file:
        file.write(b'erval"}\nnot json\n[1]\n')
    assert [event["event"] for event in follower.poll()] == ["interval"]
    assert list(follower.poll()) == []


def test_a_connection_that_fails_ends_following_and_nothing_else():
    read = threading.Event()

    def lost(offset: int) -> bytes:
        read.set()
        raise ConnectionError("lost")

    follower = Follower(lost, lambda event: None, pause=0.01)
    follower.start()
    assert read.wait(10)
    follower._thread.join(10)
    assert not follower._thread.is_alive()
    follower.stop()

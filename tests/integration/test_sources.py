"""Role sources: an archive comes from the artifacts or from upstream, otherwise one error says what to do.

A file of a host is stored among the artifacts completely.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ARCHIVE = b"a source archive\n" * 1000
SHA256 = hashlib.sha256(ARCHIVE).hexdigest()
PLAYBOOK = "- name: Provide an archive\n  hosts: labhost\n  gather_facts: false\n  roles:\n    - role: sources\n"

STORE = """
- name: Store a file of two hosts
  hosts: one:two
  gather_facts: false
  tasks:
    - name: Store it
      ansible.builtin.include_role:
        name: sources
        tasks_from: store
"""
TWO = """
all:
  vars:
    ansible_connection: ansible.builtin.local
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
  hosts:
    one:
    two:
"""


class Upstream(BaseHTTPRequestHandler):
    """Offers /complete, /other (another content), and /truncated, which ends early."""

    def do_GET(self):  # the name is http.server's
        content = ARCHIVE if self.path != "/other" else b"<html>moved</html>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: 100 if self.path == "/truncated" else None])

    def log_message(self, *arguments):
        """Log nothing."""


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


@pytest.fixture
def provide(play, tmp_path):
    """Runs the role for an archive of this test's."""
    playbook = tmp_path / "provide.yml"
    playbook.write_text(PLAYBOOK)
    return partial(
        play,
        str(playbook),
        sources_file="made-1.0.tar.gz",
        sources_sha256=SHA256,
        sources_artifacts_dir=str(tmp_path / "artifacts"),
        sources_dir=str(tmp_path / "host"),
    )


def test_an_artifact_is_pushed_and_nothing_is_downloaded(namespaces, provide, tmp_path):
    artifact = tmp_path / "artifacts/made-1.0.tar.gz"
    artifact.parent.mkdir()
    artifact.write_bytes(b"something else")
    wrong = provide(sources_url="http://192.0.2.1/")
    assert (wrong.rc, wrong.changed_tasks, len(wrong.failures)) == (2, 0, 1), wrong.stdout
    found = hashlib.sha256(b"something else").hexdigest()
    said = " ".join(wrong.failures[0].split())
    assert said == (
        f"{artifact} on the controller has sha256 {found}, expected {SHA256}. Remove it, or replace it by the right "
        "file."
    )

    (tmp_path / "stored-elsewhere").write_bytes(ARCHIVE)
    artifact.unlink()
    artifact.symlink_to(tmp_path / "stored-elsewhere")
    without_network = ("unshare", "--net")
    pushed = provide(sources_url="http://192.0.2.1/", before=without_network)
    assert pushed.rc == 0, pushed.stdout
    assert (tmp_path / "host/made-1.0.tar.gz").read_bytes() == ARCHIVE
    again = provide(sources_url="http://192.0.2.1/", before=without_network)
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout


@pytest.mark.parametrize("path", ["/truncated", "/other"])
def test_a_download_of_another_content_is_refused_and_the_next_run_succeeds(provide, upstream, tmp_path, path):
    bad = provide(sources_url=upstream + path)
    assert (bad.rc, len(bad.failures)) == (2, 1), bad.stdout
    said = " ".join(bad.failures[0].split())
    assert said.startswith(f"made-1.0.tar.gz could not be downloaded from {upstream}{path}: ")
    assert f"put the file (sha256 {SHA256}) at {tmp_path}/artifacts/made-1.0.tar.gz on the controller" in said
    assert not (tmp_path / "host/made-1.0.tar.gz").exists()

    good = provide(sources_url=f"{upstream}/complete")
    assert good.rc == 0, good.stdout
    assert (tmp_path / "host/made-1.0.tar.gz").read_bytes() == ARCHIVE


def test_neither_artifact_nor_network(namespaces, provide, upstream, tmp_path):
    failed = provide(sources_url="http://upstream.invalid/made-1.0.tar.gz", before=("unshare", "--net"))
    assert (failed.rc, len(failed.failures)) == (2, 1), failed.stdout
    assert f"at {tmp_path}/artifacts/made-1.0.tar.gz on the controller" in " ".join(failed.failures[0].split())
    predicted = provide("--check", sources_url=f"{upstream}/complete")
    assert predicted.rc == 0, predicted.stdout
    assert not (tmp_path / "host/made-1.0.tar.gz").exists()


@contextmanager
def sizes_of(path: Path) -> Iterator[set[int]]:
    """The sizes that a file has meanwhile."""
    seen: set[int] = set()
    over = threading.Event()

    def look():
        while not over.is_set():
            with suppress(FileNotFoundError):
                seen.add(os.stat(path).st_size)

    looking = threading.Thread(target=look)
    looking.start()
    yield seen
    over.set()
    looking.join()


def test_a_file_that_hosts_store_at_once_is_complete_at_every_moment(play, tmp_path):
    kept, part = tmp_path / "artifacts/built.tar.gz", tmp_path / "artifacts/.built.tar.gz.two"
    (tmp_path / "store.yml").write_text(STORE)
    (tmp_path / "two.yml").write_text(TWO)
    (tmp_path / "built.tar.gz").write_bytes(os.urandom(1 << 20) * 64)
    kept.parent.mkdir()
    # The remainder of an interrupted run.
    part.write_bytes(b"half")
    given = {"sources_kept": str(tmp_path / "built.tar.gz"), "sources_artifacts_dir": str(kept.parent)}
    store = partial(play, str(tmp_path / "store.yml"), f"--inventory {tmp_path}/two.yml", **given)
    with sizes_of(kept) as sizes:
        first = store()
    assert first.rc == 0, first.stdout
    assert sizes == {64 << 20}
    assert list(kept.parent.iterdir()) == [kept]
    again = store()
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout

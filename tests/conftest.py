"""Settings of every test."""

from __future__ import annotations

import os
import signal

import pytest

# Tests read Ansible's own output; those of the console choose another.
os.environ.setdefault("LINERATE_OUTPUT", "ansible")


@pytest.fixture(autouse=True, scope="session")
def interrupts() -> None:
    """Processes that tests start receive SIGINT, as a shell lets its background jobs, and their children, ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)

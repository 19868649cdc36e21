"""Guests of the tests' own, from the image that `make vm-up` keeps; guests that are up stay as they are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.integration.conftest import Play, play

__all__ = ["guests", "play", "running_folder"]


@pytest.fixture(scope="session")
def running_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the guests write; the inventory and the role look there."""
    folder = tmp_path_factory.mktemp("guests") / "running"
    os.environ["LINERATE_GUESTS"] = str(folder)
    return folder


@pytest.fixture(scope="session")
def guests(running_folder: Path, play: Play) -> Iterator[Callable[..., object]]:
    """Both guests, fresh; a function that runs a playbook on them."""

    def run(playbook: str, **extra_vars: object) -> object:
        return play(playbook, "--inventory inventory/vm", **extra_vars)

    up = run("playbooks/vm_up.yml")
    assert up.rc == 0, up.stdout
    yield run
    down = run("playbooks/vm_down.yml")
    assert down.rc == 0, down.stdout
    assert not running_folder.exists()

"""Guests of the tests' own, from the image that `make vm-up` keeps; guests that are up stay as they are."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.integration.conftest import REPOSITORY, Play, Played, play
from tests.standin.archive import standin_netmap

__all__ = ["guests", "netmap_source", "play", "ready", "running_folder", "site", "through_netmap"]

COMMIT = "89607e1406c1fa5ac2106bd2ff33417f090c0d60"
TRUE_SOURCE = REPOSITORY / f"artifacts/netmap-{COMMIT}.tar.gz"

STORIES = {
    "sender": (
        "test_site",
        "test_tcpreplay",
        "test_verify_netmap",
        "test_native",
        "test_benchmark_netmap",
        "test_restore",
    ),
    "trials": ("test_netmap_faults", "test_netem", "test_tuning"),
    "kernels": ("test_el9", "test_guest", "test_netmap_kernel"),
}
"""The files of each story, in its order: they share a pair of guests, and what one leaves, the next one finds.

A story needs nothing of another. Its name is its tests' marker: `make test-vm` tells two of them side by side.
"""


def pytest_configure(config: pytest.Config) -> None:
    """Let each story be chosen by its name."""
    for story, names in STORIES.items():
        config.addinivalue_line("markers", f"{story}: a story of guests, in {', '.join(names)}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the files in the order of their story. A file without a place in one is refused."""
    order = [(story, name) for story, names in STORIES.items() for name in names]
    places = {name: position for position, (_, name) in enumerate(order)}

    def place(item: pytest.Item) -> int:
        if item.path.parent != Path(__file__).parent:
            return -1
        if item.path.stem not in places:
            raise pytest.UsageError(f"{item.path.name} has no place in STORIES, the order of the files of tests/vm.")
        return places[item.path.stem]

    items.sort(key=place)
    for item in items:
        if (position := place(item)) >= 0:
            item.add_marker(order[position][0])


@dataclass(frozen=True)
class NetmapSource:
    """What role netmap builds in these tests: ``true`` netmap, or the stand-in of tests/standin/netmap.

    ``artifacts`` holds the source and takes the packages: nothing that earlier tests built is used.
    """

    commit: str
    artifacts: Path
    true: bool

    @property
    def variables(self) -> dict[str, str]:
        """Variables of role netmap to build it on the controller."""
        folder = str(self.artifacts)
        return {"netmap_commit": self.commit, "netmap_artifacts": folder, "netmap_build_host": "localhost"}


@pytest.fixture(scope="session")
def running_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the guests write; the inventory and the role look there."""
    folder = tmp_path_factory.mktemp("guests") / "running"
    os.environ["LINERATE_GUESTS"] = str(folder)
    return folder


@pytest.fixture(scope="session")
def guests(running_folder: Path, play: Play) -> Iterator[Callable[..., Played]]:
    """Both guests, fresh; a function that runs a playbook on them."""

    def run(playbook: str, **extra_vars: object) -> Played:
        return play(playbook, "--inventory inventory/vm", **extra_vars)

    try:
        up = run("playbooks/vm_up.yml")
        assert up.rc == 0, up.stdout
        yield run
    finally:
        down = run("playbooks/vm_down.yml")
    assert down.rc == 0, down.stdout
    assert not running_folder.exists()


@pytest.fixture(scope="session")
def netmap_source(tmp_path_factory: pytest.TempPathFactory) -> NetmapSource:
    """The true source where artifacts/ has it, unless LINERATE_TEST_NETMAP=standin."""
    artifacts = tmp_path_factory.mktemp("artifacts")
    if TRUE_SOURCE.exists() and os.environ.get("LINERATE_TEST_NETMAP") != "standin":
        (artifacts / TRUE_SOURCE.name).symlink_to(TRUE_SOURCE)
        return NetmapSource(COMMIT, artifacts, true=True)
    return NetmapSource(standin_netmap(artifacts), artifacts, true=False)


@pytest.fixture(scope="session")
def site(netmap_source: NetmapSource) -> dict[str, object]:
    """The variables of the main job, the same for every playbook of the session: inventory/vm, from these sources."""
    return {**netmap_source.variables, **_tcpreplay(netmap_source)}


def _tcpreplay(netmap_source: NetmapSource) -> dict[str, object]:
    """tcpreplay with netmap where both sources are at hand; the distribution's, which knows no netmap, otherwise."""
    tarball = Path(os.environ.get("LINERATE_TEST_TCPREPLAY_SOURCE", REPOSITORY / "artifacts/tcpreplay-4.4.2.tar.gz"))
    if not (netmap_source.true and tarball.is_file()):
        package = {"tcpreplay_install_method": "package", "tcpreplay_netmap": False}
        return {**package, "benchmark_engines": ["kernel"]}
    (netmap_source.artifacts / tarball.name).symlink_to(tarball)
    return {
        "tcpreplay_source_url": f"https://example.invalid/{tarball.name}",
        "tcpreplay_source_checksum": hashlib.sha256(tarball.read_bytes()).hexdigest(),
        "tcpreplay_artifacts": str(netmap_source.artifacts),
    }


@pytest.fixture(scope="session")
def through_netmap(site: dict[str, object], netmap_source: NetmapSource) -> dict[str, object]:
    """The variables of a sender that can send through netmap; skips, visibly, where there is only the stand-in."""
    if not netmap_source.true or site.get("tcpreplay_install_method") == "package":
        pytest.skip("needs the true netmap and the source of tcpreplay in artifacts/: the stand-ins send nothing")
    return site


@pytest.fixture(scope="session")
def ready(guests: Callable[..., Played], site: dict[str, object]) -> dict[str, object]:
    """The variables of the main job, with a sender that is ready, for stories that do not begin with making one."""
    made = guests("playbooks/provision.yml", **site)
    assert made.rc == 0, made.stdout
    return site

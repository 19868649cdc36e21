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

__all__ = ["guests", "native_sender", "netmap_source", "play", "running_folder", "site", "true_netmap"]

COMMIT = "89607e1406c1fa5ac2106bd2ff33417f090c0d60"
TRUE_SOURCE = REPOSITORY / f"artifacts/netmap-{COMMIT}.tar.gz"


STORY = (
    "test_el9",
    "test_site",
    "test_tcpreplay",
    "test_verify_netmap",
    "test_native",
    "test_benchmark_netmap",
    "test_netmap_faults",
    "test_netem",
    "test_restore",
    "test_guest",
    "test_netmap_kernel",
    "test_tuning",
)
"""The order of the files. All but the first share one pair of guests: what one leaves, the next one finds."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the files in the order of the story. A file without a place in it is refused."""

    def place(item: pytest.Item) -> int:
        if item.path.parent != Path(__file__).parent:
            return -1
        if item.path.stem not in STORY:
            raise pytest.UsageError(f"{item.path.name} has no place in STORY, the order of the files of tests/vm.")
        return STORY.index(item.path.stem)

    items.sort(key=place)


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


@pytest.fixture
def true_netmap(netmap_source: NetmapSource) -> NetmapSource:
    """For tests that the stand-in cannot serve, such as sending: skips them, visibly, where it is all there is."""
    if not netmap_source.true:
        pytest.skip(f"needs the true netmap, and the stand-in is used: {TRUE_SOURCE.relative_to(REPOSITORY)}")
    return netmap_source


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
def native_sender(
    guests: Callable[..., Played], site: dict[str, object], netmap_source: NetmapSource
) -> dict[str, object]:
    """The variables of the main job, with netmap's native adapter at work on the sender, and a tcpreplay for it."""
    if not netmap_source.true or site.get("tcpreplay_install_method") == "package":
        pytest.skip("needs the true netmap and the source of tcpreplay in artifacts/: the stand-ins send nothing")
    ready = guests("playbooks/provision.yml", **site)
    assert ready.rc == 0, ready.stdout
    return site

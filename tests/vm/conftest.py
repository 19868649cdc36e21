"""Guests for the tests only, from the image that `make vm-up` builds; other running guests are not affected."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    "zerocopy": ("test_zerocopy",),
}
"""The test files of each story, in order: they share a pair of guests, and each file depends on those before it.

The stories are independent. The name of a story is the marker of its tests: `make test-vm` runs two in parallel.
"""


def pytest_configure(config: pytest.Config) -> None:
    """Register the stories as markers."""
    for story, names in STORIES.items():
        config.addinivalue_line("markers", f"{story}: a story of guests, in {', '.join(names)}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the files in the order of their story. Raises UsageError for a file that is in no story."""
    order = [(story, name) for story, names in STORIES.items() for name in names]
    places = {name: position for position, (_, name) in enumerate(order)}

    def place(item: pytest.Item) -> int:
        if item.path.parent != Path(__file__).parent:
            return -1
        if item.path.stem not in places:
            raise pytest.UsageError(f"{item.path.name} is missing from STORIES, the order of the files of tests/vm.")
        return places[item.path.stem]

    items.sort(key=place)
    for item in items:
        if (position := place(item)) >= 0:
            item.add_marker(order[position][0])


@dataclass(frozen=True)
class NetmapSource:
    """The netmap that these tests build: the real one (``true``), or the stand-in of tests/standin/netmap.

    ``artifacts`` contains the source and will contain the packages, so no earlier builds are used.
    """

    commit: str
    artifacts: Path
    true: bool

    @property
    def variables(self) -> dict[str, str]:
        """Variables of role netmap for a build on the controller."""
        folder = str(self.artifacts)
        return {"netmap_commit": self.commit, "netmap_artifacts": folder, "netmap_build_host": "localhost"}


@pytest.fixture(scope="session")
def running_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of running guests, for the inventory and the role."""
    folder = tmp_path_factory.mktemp("guests") / "running"
    os.environ["LINERATE_GUESTS"] = str(folder)
    return folder


@pytest.fixture(scope="session")
def guests(running_folder: Path, play: Play) -> Iterator[Callable[..., Played]]:
    """Start two fresh guests; returns a function that runs a playbook on them."""
    with started(play) as run:
        yield run
    assert not running_folder.exists()


@contextmanager
def started(play: Play, **variables: object) -> Iterator[Callable[..., Played]]:
    """Start two guests with ``variables`` and stop them afterwards; the function runs a playbook on them."""

    def run(playbook: str, **extra_vars: object) -> Played:
        return play(playbook, "--inventory inventory/vm", **variables, **extra_vars)

    try:
        up = run("playbooks/vm_up.yml")
        assert up.rc == 0, up.stdout
        yield run
    finally:
        down = run("playbooks/vm_down.yml")
    assert down.rc == 0, down.stdout


@pytest.fixture(scope="session")
def netmap_source(tmp_path_factory: pytest.TempPathFactory) -> NetmapSource:
    """The real netmap where artifacts/ has its source, unless LINERATE_TEST_NETMAP=standin."""
    artifacts = tmp_path_factory.mktemp("artifacts")
    if TRUE_SOURCE.exists() and os.environ.get("LINERATE_TEST_NETMAP") != "standin":
        (artifacts / TRUE_SOURCE.name).symlink_to(TRUE_SOURCE)
        return NetmapSource(COMMIT, artifacts, true=True)
    return NetmapSource(standin_netmap(artifacts), artifacts, true=False)


@pytest.fixture(scope="session")
def site(netmap_source: NetmapSource) -> dict[str, object]:
    """The variables of the main job for all playbooks of the session, in addition to inventory/vm."""
    return {**netmap_source.variables, **_tcpreplay(netmap_source)}


def _tcpreplay(netmap_source: NetmapSource) -> dict[str, object]:
    """tcpreplay with netmap where both sources are available; otherwise the distribution's, without netmap."""
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
    """The variables of a sender that can send through netmap; skips the test where only the stand-in is available."""
    if not netmap_source.true or site.get("tcpreplay_install_method") == "package":
        pytest.skip("needs the sources of the real netmap and tcpreplay in artifacts/: the stand-ins cannot send")
    return site


@pytest.fixture(scope="session")
def ready(guests: Callable[..., Played], site: dict[str, object]) -> dict[str, object]:
    """Provision the sender, for stories that do not start with test_site; returns the variables of the main job."""
    provisioned = guests("playbooks/provision.yml", **site)
    assert provisioned.rc == 0, provisioned.stdout
    return site

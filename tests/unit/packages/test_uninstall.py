"""Files of linerate are removed, also from shared folders; files of others are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from linerate.packages.uninstall import Places, remove_leftovers

PLACES = Places("/usr/local/versions", "/usr/local/bin/tcpreplay", "/data/pcaps", ("/data/builds",))
OURS = (
    "usr/local/lib/linerate/run.py",
    "usr/local/versions/4.4.2/linerate-build.json",
    "usr/local/versions/4.4.2/bin/tcpreplay",
    "data/pcaps/udp.pcap",
    "data/pcaps/udp.pcap.json",
    "var/cache/linerate/sources/tcpreplay.tar.gz",
    "var/lib/linerate/netmap/6.1.json",
    "opt/linerate/x",
    "run/linerate/receive-1.sock",
    "run/linerate/receive-1.json",
    "run/linerate/events/a-run--001-x.jsonl",
    "run/linerate/interface-4026531840-ens17.lock",
    "run/linerate-netmap.lock",
    "data/builds/linerate-netmap-build-x/source/configure",
    "data/builds/linerate-netmap-clone-sender1/netmap/configure",
    "data/builds/linerate-tcpreplay-x/make.log",
)
NOT_OURS = (
    "usr/local/versions/mine/tcpreplay",
    "data/pcaps/mine.pcap",
    "data/pcaps/notes.json",
    "run/linerate/lab.json",
    "run/linerate/lease.json",
    "usr/local/bin/other",
    "data/builds/mine/netmap.c",
)


class Disk:
    """A root folder with all of these files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in (*OURS, *NOT_OURS):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).touch()
        (root / "usr/local/bin/tcpreplay").symlink_to("/usr/local/versions/4.4.2/bin/tcpreplay")

    def remove(self, check: bool = False) -> tuple[str, ...]:
        return remove_leftovers(PLACES, check, str(self.root))


@pytest.fixture
def disk(tmp_path) -> Disk:
    return Disk(tmp_path)


def test_only_files_of_linerate_are_removed_and_a_second_call_changes_nothing(disk):
    predicted = disk.remove(check=True)
    assert all((disk.root / name).exists() for name in OURS)
    assert disk.remove() == predicted
    assert [name for name in OURS if (disk.root / name).exists()] == []
    assert [name for name in NOT_OURS if not (disk.root / name).exists()] == []
    assert not (disk.root / "usr/local/bin/tcpreplay").is_symlink()
    assert disk.remove() == ()


@pytest.mark.parametrize("target", ["/usr/bin/tcpreplay", "/usr/local/versions-of-mine/tcpreplay"])
def test_a_link_that_leads_elsewhere_is_kept(disk, target):
    (disk.root / "usr/local/bin/tcpreplay").unlink()
    (disk.root / "usr/local/bin/tcpreplay").symlink_to(target)
    disk.remove()
    assert (disk.root / "usr/local/bin/tcpreplay").is_symlink()


def test_settings_of_an_interface_that_is_still_to_be_restored_are_kept(disk):
    folder = disk.root / "run/linerate/trial"
    folder.mkdir()
    (folder / "ens18.7.json").touch()
    disk.remove()
    assert (folder / "ens18.7.json").exists()
    (folder / "ens18.7.json").unlink()
    assert disk.remove() == ("remove /run/linerate/trial",)
    assert not folder.exists()

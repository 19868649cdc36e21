"""The initramfs is regenerated exactly when it contains another build than the disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from linerate.errors import HostError
from linerate.packages.netmap.initramfs import OPTIONS, refresh
from linerate.system.run import Completed

KERNEL = "6.1.0-56-amd64"
NATIVE = {"netmap": "updates/netmap/netmap.ko", "e1000": "updates/netmap/e1000.ko"}
STOCK = f"usr/lib/modules/{KERNEL}/kernel/drivers/net/ethernet/intel/e1000/e1000.ko"
PATCHED = f"usr/lib/modules/{KERNEL}/updates/netmap/e1000.ko"
MADE, BEFORE, AFTER = 2000, 1000, 3000
TOOLS = {
    f"boot/initrd.img-{KERNEL}": ("lsinitramfs", f"update-initramfs -u -k {KERNEL}"),
    f"boot/initramfs-{KERNEL}.img": ("lsinitrd", f"dracut -f --kver {KERNEL}"),
}


@pytest.fixture(params=TOOLS)
def disk(request, tmp_path):
    """A host that boots from an initramfs; `refresh` gives it a content and returns the steps."""

    class Disk:
        ran: list[str] = []  # noqa: RUF012
        file = tmp_path / request.param
        listing, rebuilding = TOOLS[request.param]

        def put(self, path: str, when: int) -> None:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).touch()
            os.utime(tmp_path / path, (when, when))

        def refresh(self, *contained: str, builds=NATIVE, check: bool = False):
            self.ran = []

            def run(argv):
                if argv[0] == self.listing:
                    assert argv[1] == str(self.file)
                    lines = [f"-rw-r--r--   1 root     root        23216 Nov  1 00:00 {path}" for path in contained]
                    text = "\n".join(lines if self.listing == "lsinitrd" else contained)
                    return Completed(tuple(argv), 0, text + "\n", "")
                self.ran.append(" ".join(argv))
                return Completed(tuple(argv), 0, "", "")

            return refresh(builds, KERNEL, run, check, str(tmp_path))

    disk = Disk()
    disk.put(request.param, MADE)
    return disk


@pytest.mark.parametrize("suffix", ["", ".xz", ".zst"])
def test_a_stock_driver_in_it_is_replaced(disk, suffix):
    assert disk.refresh("init", STOCK + suffix) == (disk.rebuilding,)
    assert disk.ran == [disk.rebuilding]


def test_check_mode_reports_the_step(disk):
    assert disk.refresh(STOCK, check=True) == (disk.rebuilding,)
    assert disk.ran == []


def test_an_initramfs_without_the_driver_is_kept(disk):
    disk.put("lib/modules/6.1.0-56-amd64/updates/netmap/e1000.ko", AFTER)
    assert disk.refresh("init", STOCK.replace("e1000", "e1000e")) == ()


def test_an_initramfs_with_the_patched_driver_is_kept(disk):
    disk.put(PATCHED.removeprefix("usr/"), BEFORE)
    assert disk.refresh("init", PATCHED) == ()


@pytest.mark.parametrize("changed", [PATCHED.removeprefix("usr/"), OPTIONS])
def test_an_earlier_build_or_earlier_options_in_it_are_replaced(disk, changed):
    disk.put(changed, AFTER)
    assert disk.refresh(PATCHED) == (disk.rebuilding,)


def test_netmap_is_removed_from_it_with_netmap(disk):
    assert disk.refresh(PATCHED.replace("e1000", "netmap"), builds={"netmap": ""}) == (disk.rebuilding,)
    assert disk.refresh(STOCK, builds={"netmap": ""}) == ()


def test_a_host_without_an_initramfs_needs_no_tools(tmp_path: Path):
    assert refresh(NATIVE, KERNEL, lambda argv: pytest.fail(str(argv)), root=str(tmp_path)) == ()


def test_an_initramfs_that_cannot_be_regenerated_is_an_error(tmp_path: Path):
    file = tmp_path / f"boot/initrd.img-{KERNEL}"
    file.parent.mkdir()
    file.touch()

    def run(argv):
        listed = argv[0] == "lsinitramfs"
        return Completed(tuple(argv), 0 if listed else 1, STOCK if listed else "", "No space left on device")

    with pytest.raises(HostError, match=r"update-initramfs.*No space left on device"):
        refresh(NATIVE, KERNEL, run, root=str(tmp_path))

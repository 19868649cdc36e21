"""The sending interface has its patched driver, now and after the next boot.

Collected only where patched drivers are wanted and consented to; playbooks/verify.yml says which.
"""

from __future__ import annotations

import os

import pytest

INTERFACE = os.environ["LINERATE_VERIFY_INTERFACE"]
PATCHED = [name.removesuffix(".c") for name in os.environ["LINERATE_VERIFY_NATIVE"].split(",")]
ASK = {
    "name": f"driver=$(basename $(readlink /sys/class/net/{INTERFACE}/device/driver/module)); echo $driver",
    "holders": "ls /sys/module/netmap/holders",
    "file": "modinfo -n $driver",
    "initramfs": "kernel=$(uname -r); "
    "if test -e /boot/initrd.img-$kernel; then lsinitramfs /boot/initrd.img-$kernel; "
    "elif test -e /boot/initramfs-$kernel.img; then lsinitrd /boot/initramfs-$kernel.img; fi | grep '[.]ko'",
}


@pytest.fixture(scope="module")
def driver(ask) -> dict[str, str]:
    """The interface's driver, netmap's holders, the file modprobe takes, the initramfs's modules."""
    return ask(ASK)


def test_driver_is_patched(driver):
    """The sending interface's driver is one of the patched ones."""
    assert driver["name"] in PATCHED, f"{INTERFACE} has the driver {driver['name'] or 'none'}"


def test_patched_driver_is_loaded(driver):
    """The loaded driver of the sending interface is the patched one."""
    assert driver["name"] in driver["holders"].split(), f"{driver['name']} does not use netmap"


def test_patched_driver_is_found_first(driver):
    """modprobe finds the patched driver before the stock one."""
    assert driver["file"].endswith(f"/updates/netmap/{driver['name']}.ko"), f"it finds {driver['file'] or 'none'}"


def test_initramfs_holds_no_stock_driver(driver):
    """The initramfs, which is loaded first at boot, does not hold the stock driver."""
    held = [line.split()[-1] for line in driver["initramfs"].splitlines() if f"/{driver['name']}.ko" in line]
    stock = [path for path in held if "/updates/netmap/" not in path]
    assert not stock, f"it holds {', '.join(stock)}"

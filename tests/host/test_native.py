"""The sending interface uses the patched driver, now and after the next boot.

Collected only where netmap is required with patched drivers.
"""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def driver(outputs, interface) -> dict[str, str]:
    """The interface's driver, netmap's holders, the file modprobe loads, the initramfs's modules."""
    link = f"/sys/class/net/{interface}/device/driver/module"
    return outputs(
        {
            "name": f"driver=$(basename $(readlink {link})); echo $driver",
            "holders": "ls /sys/module/netmap/holders",
            "file": "modinfo -n $driver",
            "initramfs": "kernel=$(uname -r); "
            "if test -e /boot/initrd.img-$kernel; then lsinitramfs /boot/initrd.img-$kernel; "
            "elif test -e /boot/initramfs-$kernel.img; then lsinitrd /boot/initramfs-$kernel.img; fi | grep '[.]ko'",
        }
    )


def test_driver_is_patched(driver, expected, interface):
    """The sending interface's driver is one of the patched ones."""
    patched = [name.removesuffix(".c") for name in expected["netmap"]["patched_drivers"]]
    assert driver["name"] in patched, f"{interface} has the driver {driver['name'] or 'none'}"


def test_patched_driver_is_loaded(driver):
    """The loaded driver of the sending interface is the patched one."""
    assert driver["name"] in driver["holders"].split(), f"{driver['name']} does not use netmap"


def test_modprobe_finds_the_patched_driver(driver):
    """modprobe finds the patched driver before the stock one."""
    assert driver["file"].endswith(f"/updates/netmap/{driver['name']}.ko"), f"it finds {driver['file'] or 'none'}"


def test_initramfs_has_no_stock_driver(driver):
    """The initramfs, which is loaded first at boot, does not contain the stock driver."""
    contained = [line.split()[-1] for line in driver["initramfs"].splitlines() if f"/{driver['name']}.ko" in line]
    stock = [path for path in contained if "/updates/netmap/" not in path]
    assert not stock, f"it contains {', '.join(stock)}"

"""netmap is the configured build, now and after the next boot, and no other build of it is on the host.

Collected only where netmap is required.
"""

from __future__ import annotations

import json
import os
import shlex

import pytest

UNIT = "linerate-netmap.service"


@pytest.fixture(scope="module")
def netmap(host) -> dict:
    """What netmap_info returns."""
    return host.ansible("netmap_info")


@pytest.fixture(scope="module")
def found(outputs, expected) -> dict[str, str]:
    """The output of each command."""
    work = shlex.quote(expected["netmap"]["work_folder"])
    return outputs(
        {
            "kernel": "uname -r",
            "vermagic": "modinfo -F vermagic netmap",
            "file": "modinfo -n netmap",
            "device": "stat -c %F /dev/netmap",
            "at_boot": "cat /etc/modules-load.d/linerate-netmap.conf",
            "options": "cat /etc/modprobe.d/linerate-netmap.conf",
            "enabled": f"systemctl is-enabled {UNIT}",
            "active": f"systemctl is-active {UNIT}",
            "modules": "find /lib/modules -name 'netmap.ko*'",
            "kernels": "find /lib/modules -mindepth 2 -maxdepth 2 -name kernel",
            "states": "find /var/lib/linerate/netmap -maxdepth 1 -name '*.json'",
            "builds": f"find {work} -maxdepth 1 -name 'linerate-netmap*'",
        }
    )


def test_module_is_for_the_running_kernel(found):
    """netmap's module is built for the running kernel."""
    vermagic = found["vermagic"]
    assert vermagic.split()[:1] == [found["kernel"]], f"it is built for {vermagic}" if vermagic else "there is none"


def test_modprobe_finds_the_installed_module(found):
    """modprobe finds the installed netmap."""
    place = f"/lib/modules/{found['kernel']}/updates/netmap/netmap.ko"
    assert found["file"].endswith(place), f"it finds {found['file'] or 'none'}"


def test_commit(netmap, expected):
    """netmap is of the configured commit."""
    installed = (netmap["installed"] or {}).get("commit", "not installed")
    assert installed == expected["netmap"]["commit"], f"it is {installed}"


def test_loaded_module_is_the_installed_one(netmap):
    """The loaded netmap is the installed one."""
    assert netmap["loaded_is_installed"], "another build is loaded" if netmap["loaded"] else "it is not loaded"


def test_device(found):
    """The device /dev/netmap exists."""
    assert found["device"] == "character special file", f"it is {found['device'] or 'missing'}"


def test_module_is_signed(netmap, expected):
    """netmap's module is signed where a key is configured."""
    assert netmap["signer"] or not expected["netmap"]["signed"], "it has no signature"


def test_loaded_at_boot(found):
    """netmap is loaded at boot."""
    assert found["at_boot"] == "netmap", "modules-load.d does not name it"


def test_options_at_boot(found, expected):
    """netmap is loaded with its parameters at boot."""
    options = expected["netmap"]["module_options"]
    wanted = f"options netmap {options}" if options else ""
    assert found["options"] == wanted, f"modprobe.d has {json.dumps(found['options'])}, not {json.dumps(wanted)}"


def test_rebuilt_for_a_new_kernel(found, expected):
    """netmap is rebuilt at the first boot of a new kernel where that is configured."""
    state = (found["enabled"], found["active"])
    if expected["netmap"]["rebuilt_at_boot"]:
        assert state == ("enabled", "active"), f"{UNIT} is {' and '.join(filter(None, state))}"
    else:
        assert state[0] != "enabled", f"{UNIT} is enabled"


def test_no_stale_files(found):
    """No files of other builds of netmap or of removed kernels remain."""
    kernels = {path.split("/")[-2] for path in found["kernels"].splitlines()}
    stale = found["builds"].splitlines()
    stale += [path for path in found["states"].splitlines() if os.path.basename(path)[: -len(".json")] not in kernels]
    for path in found["modules"].splitlines():
        kernel = path.removeprefix("/lib/modules/").split("/")[0]
        if kernel not in kernels or not path.endswith("/updates/netmap/netmap.ko"):
            stale.append(path)
    assert not stale, ", ".join(stale)

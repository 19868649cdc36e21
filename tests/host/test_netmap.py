"""netmap is the build that was asked for, now and after the next boot, and its only trace.

Collected only where linerate_netmap is true; playbooks/verify.yml says what was asked for.
"""

from __future__ import annotations

import json
import os
import shlex

import pytest

COMMIT = os.environ["LINERATE_VERIFY_NETMAP"]
OPTIONS = os.environ["LINERATE_VERIFY_NETMAP_OPTIONS"]
REBUILDS = os.environ["LINERATE_VERIFY_NETMAP_REBUILDS"] == "True"
SIGNED = os.environ["LINERATE_VERIFY_NETMAP_SIGNED"] == "True"
WORK = os.environ["LINERATE_VERIFY_NETMAP_WORK"]
UNIT = "linerate-netmap.service"
ASK = {
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
    "builds": f"find {shlex.quote(WORK)} -maxdepth 1 -name 'linerate-netmap*'",
}


@pytest.fixture(scope="module")
def netmap(host) -> dict:
    """What the host says of its netmap."""
    return host.ansible("netmap_info")


@pytest.fixture(scope="module")
def found(ask) -> dict[str, str]:
    """What each command prints."""
    return ask(ASK)


def test_module_belongs_to_the_kernel(found):
    """netmap's module belongs to the running kernel."""
    assert found["vermagic"].split()[:1] == [found["kernel"]], f"it is for {found['vermagic'] or 'none, or not there'}"


def test_module_is_ours_by_name(found):
    """modprobe finds netmap where it was installed."""
    place = f"/lib/modules/{found['kernel']}/updates/netmap/netmap.ko"
    assert found["file"].endswith(place), f"it finds {found['file'] or 'none'}"


def test_commit_is_the_one_that_was_asked_for(netmap):
    """netmap is of the commit that was asked for."""
    installed = (netmap["installed"] or {}).get("commit", "not installed")
    assert installed == COMMIT, f"it is {installed}"


def test_loaded_is_installed(netmap):
    """netmap is loaded, as it is installed."""
    assert netmap["loaded_is_installed"], "another build is loaded" if netmap["loaded"] else "it is not loaded"


def test_device(found):
    """The device /dev/netmap is there."""
    assert found["device"] == "character special file", f"it is {found['device'] or 'not there'}"


def test_module_is_signed(netmap):
    """netmap's module is signed, where it is to be."""
    assert netmap["signer"] or not SIGNED, "it has no signature"


def test_loaded_at_boot(found):
    """netmap is loaded at boot."""
    assert found["at_boot"] == "netmap", "modules-load.d does not name it"


def test_options_at_boot(found):
    """netmap gets its parameters at boot."""
    wanted = f"options netmap {OPTIONS}" if OPTIONS else ""
    assert found["options"] == wanted, f"modprobe.d has {json.dumps(found['options'])}, not {json.dumps(wanted)}"


def test_rebuilt_for_a_new_kernel(found):
    """netmap is rebuilt at the first boot of a new kernel, where it is to be."""
    said = (found["enabled"], found["active"])
    if REBUILDS:
        assert said == ("enabled", "active"), f"{UNIT} is {' and '.join(filter(None, said))}"
    else:
        assert said[0] != "enabled", f"{UNIT} is enabled"


def test_nothing_is_left(found):
    """Nothing is left of other builds of netmap, and of kernels that are gone."""
    kernels = {path.split("/")[-2] for path in found["kernels"].splitlines()}
    left = found["builds"].splitlines()
    left += [path for path in found["states"].splitlines() if os.path.basename(path)[: -len(".json")] not in kernels]
    for path in found["modules"].splitlines():
        kernel = path.removeprefix("/lib/modules/").split("/")[0]
        if kernel not in kernels or not path.endswith("/updates/netmap/netmap.ko"):
            left.append(path)
    assert not left, ", ".join(left)

"""playbooks/verify.yml on netmap: passes where it is right, and each check is seen to fail on a guest broken so.

A run takes a minute under emulation, so one run has several things broken at once, and the whole list is compared.
"""

from __future__ import annotations

import pytest

PROMISES = (
    "netmap's module ",
    "modprobe finds netmap ",
    "netmap is ",
    "netmap gets ",
    "The device /dev/netmap ",
    "Nothing is left of other builds of netmap",
)
"""How those of tests/host/test_netmap.py begin."""


@pytest.fixture(scope="module")
def wanted(guests, site):
    """The variables of a sender that is as the roles promise."""
    verified = guests("playbooks/verify.yml", **site)
    assert verified.rc == 0, verified.stdout
    return site


def broken_promises(guests, wanted) -> list[str]:
    """What verify finds of netmap, without the sender's name."""
    verified = guests("playbooks/verify.yml", **wanted)
    assert verified.rc != 0, verified.stdout
    lines = [line.removeprefix("sender1: ") for line in verified.failures[0].splitlines()[1:]]
    return [line for line in lines if line.startswith(PROMISES)]


def do(guests, what: str) -> None:
    done = guests("tests/vm/break_netmap.yml", what_is_broken=what)
    assert done.rc == 0, done.stdout


def test_what_was_never_done_is_missed(guests, wanted):
    """Another commit, signed, and rebuilt by the host itself: none of it was asked of the role before."""
    other = {"netmap_commit": "0" * 40, "netmap_signing_key": "/key", "netmap_build_host": "sender1"}
    *others, unit = broken_promises(guests, {**wanted, **other})
    assert others == [
        f"netmap is of the commit that was asked for: it is {wanted['netmap_commit']}",
        "netmap's module is signed, where it is to be: it has no signature",
    ]
    assert unit.startswith("netmap is rebuilt at the first boot of a new kernel, where it is to be: ")
    # Of a unit that is not there some versions of systemd say so, too.
    assert unit.removesuffix("inactive").endswith(("service is ", "service is not-found and "))


def test_what_the_next_boot_needs_and_what_is_left_behind(guests, wanted):
    do(guests, "surroundings")
    *lines, left = broken_promises(guests, wanted)
    assert lines == [
        "netmap is loaded at boot: modules-load.d does not name it",
        'netmap gets its parameters at boot: modprobe.d has "options netmap buf_num=1", '
        'not "options netmap buf_num=16384"',
    ]
    assert left.startswith("Nothing is left of other builds of netmap, and of kernels that are gone: ")
    assert "linerate-netmap-cut.build-x" in left
    assert "/var/lib/linerate/netmap/5.14.0-gone.json" in left
    mended(guests, wanted)


def test_a_module_that_is_not_ours_and_a_device_that_is_gone(guests, wanted):
    do(guests, "module")
    lines = broken_promises(guests, wanted)
    assert lines[0].startswith("netmap's module belongs to the running kernel: it is for 7.")
    assert "modprobe finds netmap where it was installed: it finds /" in lines[1]
    assert lines[1].endswith("/extra/netmap.ko")
    assert lines[2:4] == [
        "netmap is loaded, as it is installed: another build is loaded",
        "The device /dev/netmap is there: it is not there",
    ]
    assert lines[4].endswith("/extra/netmap.ko")
    mended(guests, wanted)


def mended(guests, wanted) -> None:
    """The role mends what is its own; then all promises hold."""
    do(guests, "nothing")
    again = guests("playbooks/netmap.yml", **wanted)
    assert again.rc == 0, again.stdout
    verified = guests("playbooks/verify.yml", **wanted)
    assert verified.rc == 0, verified.stdout

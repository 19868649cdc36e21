"""playbooks/verify.yml on netmap: passes where it is right, and each check is seen to fail on a guest broken so.

A run takes a minute under emulation, so one run has several things broken at once, and the whole list is compared.
"""

from __future__ import annotations

PROMISES = (
    "The sending interface's driver is one",
    "netmap's module ",
    "modprobe finds netmap ",
    "netmap is ",
    "netmap gets ",
    "The device /dev/netmap ",
    "Nothing is left of other builds of netmap",
)
"""How those of tests/host/test_netmap.py begin, and the first of test_native.py."""


def broken_promises(guests, wanted) -> list[str]:
    """What verify finds of netmap, without the sender's name."""
    verified = guests("playbooks/verify.yml", **wanted)
    assert verified.rc != 0, verified.stdout
    lines = [line.removeprefix("sender1: ") for line in verified.failures[0].splitlines()[1:]]
    return [line for line in lines if line.startswith(PROMISES)]


def do(guests, **what: object) -> None:
    done = guests("tests/vm/break_netmap.yml", **what)
    assert done.rc == 0, done.stdout


def test_what_was_never_done_is_missed(guests, site):
    """Another commit, signed, rebuilt by the host itself, another driver: none of it was asked of the role before."""
    other = {"netmap_commit": "0" * 40, "netmap_signing_key": "/key", "netmap_build_host": "sender1"}
    driver, *others, unit = broken_promises(guests, {**site, **other, "netmap_drivers": ["ixgbe"]})
    assert driver == "The sending interface's driver is one of the patched ones: ens4 has the driver e1000"
    assert others == [
        f"netmap is of the commit that was asked for: it is {site['netmap_commit']}",
        "netmap's module is signed, where it is to be: it has no signature",
    ]
    assert unit.startswith("netmap is rebuilt at the first boot of a new kernel, where it is to be: ")
    # Of a unit that is not there some versions of systemd say so, too.
    assert unit.removesuffix("inactive").endswith(("service is ", "service is not-found and "))


def test_what_is_broken_is_named_and_the_role_mends_it(guests, site):
    """A module that is not ours, a device that is gone, what the next boot needs, and what is left behind."""
    do(guests)
    lines = broken_promises(guests, site)
    assert lines[0].startswith("netmap's module belongs to the running kernel: it is for 7.")
    assert "modprobe finds netmap where it was installed: it finds /" in lines[1]
    assert lines[1].endswith("/extra/netmap.ko")
    assert lines[2:6] == [
        "netmap is loaded, as it is installed: another build is loaded",
        "The device /dev/netmap is there: it is not there",
        "netmap is loaded at boot: modules-load.d does not name it",
        'netmap gets its parameters at boot: modprobe.d has "options netmap buf_num=1", '
        'not "options netmap buf_num=16384"',
    ]
    (left,) = lines[6:]
    assert left.startswith("Nothing is left of other builds of netmap, and of kernels that are gone: ")
    for trace in ("linerate-netmap-build-cut", "/var/lib/linerate/netmap/5.14.0-gone.json", "/extra/netmap.ko"):
        assert trace in left

    do(guests, hint=True)
    again = guests("playbooks/netmap.yml", **site)
    assert again.rc == 0, again.stdout
    verified = guests("playbooks/verify.yml", **site)
    assert verified.rc == 0, verified.stdout

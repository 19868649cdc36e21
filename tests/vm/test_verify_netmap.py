"""playbooks/verify.yml on netmap: passes where it is correct, and each check fails on a damaged guest.

A run takes a minute under emulation, so one run has several faults at once, and the whole list is compared.
"""

from __future__ import annotations

REQUIREMENTS = (
    "The sending interface's driver is one",
    "netmap's module ",
    "modprobe finds the installed netmap",
    "netmap is ",
    "The loaded netmap ",
    "The device /dev/netmap ",
    "No files of other builds of netmap ",
)
"""The start of each requirement of tests/host/test_netmap.py, and of the first one of test_native.py."""


def failed_checks(guests, variables) -> list[str]:
    """The failed checks of netmap, without the sender's name."""
    verified = guests("playbooks/verify.yml", **variables)
    assert verified.rc != 0, verified.stdout
    lines = [line.removeprefix("sender1: ") for line in verified.failures[0].splitlines()[1:]]
    return [line for line in lines if line.startswith(REQUIREMENTS)]


def damage(guests, **variables: object) -> None:
    done = guests("tests/vm/break_netmap.yml", **variables)
    assert done.rc == 0, done.stdout


def test_other_configuration_is_reported(guests, site):
    """Another commit, a signature, a rebuild by the host, another driver: none of them was configured before."""
    other = {"netmap_commit": "0" * 40, "netmap_signing_key": "/key", "netmap_build_host": "sender1"}
    driver, *others, unit = failed_checks(guests, {**site, **other, "netmap_drivers": ["ixgbe"]})
    assert driver == "The sending interface's driver is one of the patched ones: ens4 has the driver e1000"
    assert others == [
        f"netmap is of the configured commit: it is {site['netmap_commit']}",
        "netmap's module is signed where a key is configured: it has no signature",
    ]
    assert unit.startswith("netmap is rebuilt at the first boot of a new kernel where that is configured: ")
    # Some versions of systemd print this for a missing unit.
    assert unit.removesuffix("inactive").endswith(("service is ", "service is not-found and "))


def test_damage_is_reported_and_repaired_by_the_role(guests, site):
    """A foreign module, a missing device, a damaged boot configuration, and stale files."""
    damage(guests)
    lines = failed_checks(guests, site)
    assert lines[0].startswith("netmap's module is built for the running kernel: it is built for 7.")
    assert "modprobe finds the installed netmap: it finds /" in lines[1]
    assert lines[1].endswith("/extra/netmap.ko")
    assert lines[2:6] == [
        "The loaded netmap is the installed one: another build is loaded",
        "The device /dev/netmap exists: it is missing",
        "netmap is loaded at boot: modules-load.d does not name it",
        'netmap is loaded with its parameters at boot: modprobe.d has "options netmap buf_num=1", '
        'not "options netmap buf_num=16384"',
    ]
    (stale,) = lines[6:]
    assert stale.startswith("No files of other builds of netmap or of removed kernels remain: ")
    for trace in ("linerate-netmap-build-cut", "/var/lib/linerate/netmap/5.14.0-gone.json", "/extra/netmap.ko"):
        assert trace in stale

    damage(guests, repair=True)
    again = guests("playbooks/netmap.yml", **site)
    assert again.rc == 0, again.stdout
    verified = guests("playbooks/verify.yml", **site)
    assert verified.rc == 0, verified.stdout

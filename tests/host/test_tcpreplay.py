"""The tcpreplay that was built from source is the one that was asked for, whole, and the only trace of its build.

Collected only where tcpreplay_install_method is source; playbooks/verify.yml says what was asked for.
"""

from __future__ import annotations

import json
import os

import pytest

TCPREPLAY = os.environ["LINERATE_VERIFY_TCPREPLAY"]
PLACE = os.environ["LINERATE_VERIFY_TCPREPLAY_PLACE"]
WANTS_NETMAP = os.environ["LINERATE_VERIFY_TCPREPLAY_NETMAP"] == "True"
BUILD_DIR = os.environ["LINERATE_VERIFY_TCPREPLAY_BUILD_DIR"]
STAMP = "linerate-build.json"


@pytest.fixture(scope="module")
def tcpreplay(host) -> dict:
    """What the host says of its tcpreplay; only ``msg``, why, where it does not run."""
    return host.ansible("tcpreplay_info", f"executable={TCPREPLAY}")


@pytest.fixture(scope="module")
def manifest(host) -> dict:
    """What was installed, as it was stored with it; empty where nothing was, or not to its end."""
    stored = host.run("cat %s", f"{PLACE}/{STAMP}")
    return json.loads(stored.stdout) if stored.rc == 0 else {}


def test_tcpreplay_is_the_version_that_was_asked_for(tcpreplay):
    """tcpreplay is the version that was asked for."""
    wanted = os.path.basename(PLACE)
    assert tcpreplay.get("version") == wanted, f"it is {tcpreplay.get('version') or 'not there'}, not {wanted}"


def test_tcpreplay_is_the_one_that_was_built(host):
    """tcpreplay is the one that was built."""
    leads_to = host.run("readlink --canonicalize-existing %s", TCPREPLAY).stdout.strip()
    assert leads_to == f"{PLACE}/bin/tcpreplay", f"{TCPREPLAY} leads to {leads_to or 'nothing'}"


def test_tcpreplay_is_whole(host, manifest):
    """tcpreplay's files are those that were installed."""
    assert manifest, f"{PLACE} holds no finished installation"
    names = sorted(manifest["files"])
    listed = host.run(f"cd %s && sha256sum -- {' '.join('%s' for _ in names)}", PLACE, *names).stdout
    found = {name: digest for digest, _, name in (line.partition("  ") for line in listed.splitlines())}
    changed = [name for name in names if found.get(name) != manifest["files"][name]]
    assert not changed, f"changed or not there: {', '.join(changed)}"


def test_tcpreplay_sends_through_netmap(tcpreplay):
    """tcpreplay can send through netmap, where it is to."""
    why_not = tcpreplay.get("why_no_netmap", "it does not run")
    assert not (WANTS_NETMAP and why_not), why_not


def test_nothing_is_left_of_a_build(host):
    """Nothing is left of a build or an installation of tcpreplay that was cut off."""
    find = "find %s -maxdepth 1 -name 'linerate-tcpreplay-*'; find %s -maxdepth 1 -name '.[0-9]*'"
    left = host.run(find, BUILD_DIR, os.path.dirname(PLACE)).stdout.split()
    assert not left, ", ".join(left)

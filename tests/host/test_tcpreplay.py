"""The tcpreplay that was built from source is the one that was asked for, whole, and the only trace of its build.

Collected only where tcpreplay_install_method is source; playbooks/verify.yml says what was asked for.
"""

from __future__ import annotations

import json
import os
import shlex

import pytest

TCPREPLAY = os.environ["LINERATE_VERIFY_TCPREPLAY"]
PLACE = os.environ["LINERATE_VERIFY_TCPREPLAY_PLACE"]
WANTS_NETMAP = os.environ["LINERATE_VERIFY_TCPREPLAY_NETMAP"] == "True"
BUILD_DIR = os.environ["LINERATE_VERIFY_TCPREPLAY_BUILD_DIR"]
STAMP = "linerate-build.json"


@pytest.fixture(scope="module")
def found(ask) -> dict:
    """Where the link leads, the manifest and the digests of the files beside it, and what is left."""
    place = shlex.quote(PLACE)
    return ask(
        {
            "leads_to": f"readlink --canonicalize-existing -- {shlex.quote(TCPREPLAY)}",
            "manifest": f"cat -- {place}/{STAMP}",
            "digests": f"cd -- {place} && find . -type f -exec sha256sum -- {{}} +",
            "builds": f"find {shlex.quote(BUILD_DIR)} -maxdepth 1 -name 'linerate-tcpreplay-*'",
            "installations": f"find {shlex.quote(os.path.dirname(PLACE))} -maxdepth 1 -name '.[0-9]*'",
        }
    )


def test_tcpreplay_is_the_version_that_was_asked_for(tcpreplay):
    """tcpreplay is the version that was asked for."""
    wanted = os.path.basename(PLACE)
    assert tcpreplay.get("version") == wanted, f"it is {tcpreplay.get('version') or 'not there'}, not {wanted}"


def test_tcpreplay_is_the_one_that_was_built(found):
    """tcpreplay is the one that was built."""
    leads_to = found["leads_to"]
    assert leads_to == f"{PLACE}/bin/tcpreplay", f"{TCPREPLAY} leads to {leads_to or 'nothing'}"


def test_tcpreplay_is_whole(found):
    """tcpreplay's files are those that were installed."""
    assert found["manifest"], f"{PLACE} holds no finished installation"
    files = json.loads(found["manifest"])["files"]
    digests = {name: digest for digest, _, name in (line.partition("  ./") for line in found["digests"].splitlines())}
    changed = [name for name in sorted(files) if digests.get(name) != files[name]]
    assert not changed, f"changed or not there: {', '.join(changed)}"


def test_tcpreplay_sends_through_netmap(tcpreplay):
    """tcpreplay can send through netmap, where it is to."""
    why_not = tcpreplay.get("why_no_netmap", "it does not run")
    assert not (WANTS_NETMAP and why_not), why_not


def test_nothing_is_left_of_a_build(found):
    """Nothing is left of a build or an installation of tcpreplay that was cut off."""
    left = [*found["builds"].splitlines(), *found["installations"].splitlines()]
    assert not left, ", ".join(left)

"""The tcpreplay that was built from source is the configured one, complete, and its build left no files.

Collected only where tcpreplay_install_method is source.
"""

from __future__ import annotations

import json
import os
import shlex

import pytest

MANIFEST = "linerate-build.json"


@pytest.fixture(scope="module")
def folder(expected) -> str:
    """The folder of the configured version."""
    return str(expected["tcpreplay"]["folder"])


@pytest.fixture(scope="module")
def found(outputs, expected, folder) -> dict:
    """The target of the link, the manifest and the digests of the files next to it, and files that a build left."""
    quoted = shlex.quote(folder)
    build_dir = shlex.quote(expected["tcpreplay"]["build_dir"])
    return outputs(
        {
            "target": f"readlink --canonicalize-existing -- {shlex.quote(expected['tcpreplay']['executable'])}",
            "manifest": f"cat -- {quoted}/{MANIFEST}",
            "digests": f"cd -- {quoted} && find . -type f -exec sha256sum -- {{}} +",
            "builds": f"find {build_dir} -maxdepth 1 -name 'linerate-tcpreplay-*'",
            "installations": f"find {shlex.quote(os.path.dirname(folder))} -maxdepth 1 -name '.[0-9]*'",
        }
    )


def test_version(tcpreplay, folder):
    """tcpreplay is of the configured version."""
    wanted = os.path.basename(folder)
    assert tcpreplay.get("version") == wanted, f"it is {tcpreplay.get('version') or 'missing'}, not {wanted}"


def test_link_leads_to_the_build(found, expected, folder):
    """tcpreplay is the one that was built."""
    target, executable = found["target"], expected["tcpreplay"]["executable"]
    assert target == f"{folder}/bin/tcpreplay", f"{executable} leads to {target or 'nothing'}"


def test_files_are_unchanged(found, folder):
    """tcpreplay's files are those that were installed."""
    assert found["manifest"], f"{folder} contains no complete installation"
    files = json.loads(found["manifest"])["files"]
    digests = {name: digest for digest, _, name in (line.partition("  ./") for line in found["digests"].splitlines())}
    changed = [name for name in sorted(files) if digests.get(name) != files[name]]
    assert not changed, f"changed or missing: {', '.join(changed)}"


def test_tcpreplay_supports_netmap(tcpreplay, expected):
    """tcpreplay supports netmap where that is configured."""
    why_not = tcpreplay.get("why_no_netmap", "it does not run")
    assert not (expected["tcpreplay"]["netmap"] and why_not), why_not


def test_no_stale_files(found):
    """No files of an interrupted build or installation of tcpreplay remain."""
    stale = [*found["builds"].splitlines(), *found["installations"].splitlines()]
    assert not stale, ", ".join(stale)

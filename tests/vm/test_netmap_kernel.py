"""netmap and kernels: signed modules, the rebuild at a new kernel's first boot, and files of removed kernels.

The sender builds the stand-in, without a driver: netmap's configure takes half an hour in an emulated guest. The order
of the tests matters; the sender has another kernel afterwards.
"""

from __future__ import annotations

import subprocess

import pytest
from tests.standin.archive import standin_netmap

SUBJECT = "netmap of the tests"


@pytest.fixture(scope="module")
def netmap(guests, netmap_source, tmp_path_factory):
    """Remove netmap from the sender; returns the role's variables for a build on the controller."""
    # For the rebuild on the sender later.
    tools = guests("tests/vm/devtools.yml")
    assert tools.rc == 0, tools.stdout
    restored = guests("playbooks/restore.yml", netmap_rebind_ok=True)
    assert restored.rc == 0, restored.stdout
    artifacts = tmp_path_factory.mktemp("kernel-artifacts")
    commit = standin_netmap(artifacts)
    variables = {"netmap_commit": commit, "netmap_artifacts": str(artifacts), "netmap_build_host": "localhost"}
    # A patched driver would need the kernel's sources, which only the controller has.
    return {**variables, "netmap_drivers": []}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """The variables of a key and its certificate, generated as the role documents."""
    folder = tmp_path_factory.mktemp("pair")
    key, certificate = str(folder / "key.pem"), str(folder / "crt.der")
    argv = ["openssl", "req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={SUBJECT}/"]
    subprocess.run([*argv, "-keyout", key, "-outform", "DER", "-out", certificate], check=True, capture_output=True)
    return {"netmap_signing_key": key, "netmap_signing_certificate": certificate}


def test_modules_are_signed_and_the_key_is_not_copied(guests, netmap, pair):
    """The signature is read from the module, since this kernel also loads unsigned modules."""
    signed = guests("playbooks/netmap.yml", **netmap, **pair)
    assert signed.rc == 0, signed.stdout
    found = guests("tests/vm/signer.yml", wanted_signer=SUBJECT)
    assert found.rc == 0, found.stdout
    again = guests("playbooks/netmap.yml", **netmap, **pair)
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout


def test_secure_boot_requires_a_key(guests, netmap, pair):
    """With a simulated firmware variable: the guests have no UEFI."""
    shown = guests("tests/vm/secure_boot.yml", secure_boot=True)
    assert shown.rc == 0, shown.stdout
    refused = guests("playbooks/netmap.yml", **netmap)
    signed = guests("playbooks/netmap.yml", **netmap, **pair)
    hidden = guests("tests/vm/secure_boot.yml", secure_boot=False)
    assert hidden.rc == 0, hidden.stdout
    assert (refused.rc, refused.changed_tasks) == (2, 0), refused.stdout
    assert "Secure Boot is on: the kernel of sender1 refuses modules" in " ".join(refused.failures)
    assert signed.rc == 0, signed.stdout


def test_missing_key_is_refused_before_any_change(guests, netmap, pair):
    refused = guests("playbooks/netmap.yml", **netmap, **{**pair, "netmap_signing_key": "/nowhere/key.pem"})
    assert refused.rc != 0
    assert refused.changed_tasks == 0
    assert 'netmap_signing_key "/nowhere/key.pem" is not a file on localhost' in refused.stdout


def test_netmap_is_rebuilt_at_the_first_boot_of_a_new_kernel(guests, netmap):
    # Without the key, since the sender does not have it and could not sign.
    installed = guests("playbooks/netmap.yml", **netmap)
    assert installed.rc == 0, installed.stdout
    booted = guests("tests/vm/new_kernel.yml", wanted_commit=netmap["netmap_commit"])
    assert booted.rc == 0, booted.stdout


def test_files_of_a_removed_kernel_are_removed(guests, netmap):
    on_itself = {**netmap, "netmap_build_host": "sender1"}
    cleaned = guests("playbooks/netmap.yml", **on_itself)
    assert cleaned.rc == 0, cleaned.stdout
    checked = guests("tests/vm/stale_kernels.yml")
    assert checked.rc == 0, checked.stdout
    again = guests("playbooks/netmap.yml", **on_itself)
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout


def test_kernel_without_headers_is_reported_in_one_line(guests, netmap):
    reported = guests("tests/vm/no_headers.yml")
    assert reported.rc == 0, reported.stdout

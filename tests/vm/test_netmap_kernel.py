"""netmap lives through kernels: signed on request, rebuilt by the host at a new kernel's first boot, cleaned up after.

The sender builds the stand-in for itself, without a driver: an emulated guest needs half an hour for netmap's own
configure. The tests stand in the order of the story, and leave the sender with another kernel.
"""

from __future__ import annotations

import subprocess

import pytest
from tests.standin.archive import standin_netmap

SUBJECT = "netmap of the tests"


@pytest.fixture(scope="module")
def netmap(guests, netmap_source, tmp_path_factory):
    """The variables of the role on a sender without netmap, which builds on the controller."""
    # For what it builds by itself later.
    tools = guests("tests/vm/devtools.yml")
    assert tools.rc == 0, tools.stdout
    gone = guests("playbooks/restore.yml", netmap_rebind_ok=True)
    assert gone.rc == 0, gone.stdout
    artifacts = tmp_path_factory.mktemp("kernel-artifacts")
    commit = standin_netmap(artifacts)
    variables = {"netmap_commit": commit, "netmap_artifacts": str(artifacts), "netmap_build_host": "localhost"}
    # For a patched driver it would need the kernel's sources, which the controller has.
    return {**variables, "netmap_drivers": []}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """The variables of a key and its certificate, made as the role says."""
    folder = tmp_path_factory.mktemp("pair")
    key, certificate = str(folder / "key.pem"), str(folder / "crt.der")
    argv = ["openssl", "req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={SUBJECT}/"]
    subprocess.run([*argv, "-keyout", key, "-outform", "DER", "-out", certificate], check=True, capture_output=True)
    return {"netmap_signing_key": key, "netmap_signing_certificate": certificate}


def test_modules_are_signed_and_the_key_stays_where_it_is(guests, netmap, pair):
    """That the module loads proves only that a signature does no harm: this kernel takes unsigned ones as well."""
    signed = guests("playbooks/netmap.yml", **netmap, **pair)
    assert signed.rc == 0, signed.stdout
    found = guests("tests/vm/signer.yml", wanted_signer=SUBJECT)
    assert found.rc == 0, found.stdout
    again = guests("playbooks/netmap.yml", **netmap, **pair)
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout


def test_secure_boot_wants_a_key_and_without_one_nothing_is_changed(guests, netmap, pair):
    """As its firmware shows it: the guests have none."""
    shown = guests("tests/vm/secure_boot.yml", secure_boot=True)
    assert shown.rc == 0, shown.stdout
    refused = guests("playbooks/netmap.yml", **netmap)
    signed = guests("playbooks/netmap.yml", **netmap, **pair)
    hidden = guests("tests/vm/secure_boot.yml", secure_boot=False)
    assert hidden.rc == 0, hidden.stdout
    assert (refused.rc, refused.changed_tasks) == (2, 0), refused.stdout
    assert "Secure Boot is on: the kernel of sender1 refuses modules" in " ".join(refused.failures)
    assert signed.rc == 0, signed.stdout


def test_a_key_that_is_not_there_is_refused_before_anything_is_changed(guests, netmap, pair):
    refused = guests("playbooks/netmap.yml", **netmap, **{**pair, "netmap_signing_key": "/nowhere/key.pem"})
    assert refused.rc != 0
    assert refused.changed_tasks == 0
    assert 'netmap_signing_key "/nowhere/key.pem" is not a file on localhost' in refused.stdout


def test_a_new_kernel_gets_netmap_at_its_first_boot_without_anyone_logging_in(guests, netmap):
    # Without the key, which the sender does not have: it could not sign.
    installed = guests("playbooks/netmap.yml", **netmap)
    assert installed.rc == 0, installed.stdout
    booted = guests("tests/vm/new_kernel.yml", wanted_commit=netmap["netmap_commit"])
    assert booted.rc == 0, booted.stdout


def test_nothing_stays_of_the_kernel_that_is_gone(guests, netmap):
    on_itself = {**netmap, "netmap_build_host": "sender1"}
    cleaned = guests("playbooks/netmap.yml", **on_itself)
    assert cleaned.rc == 0, cleaned.stdout
    left = guests("tests/vm/kernels_left.yml")
    assert left.rc == 0, left.stdout
    again = guests("playbooks/netmap.yml", **on_itself)
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout


def test_a_kernel_without_headers_is_told_in_one_line(guests, netmap):
    told = guests("tests/vm/no_headers.yml")
    assert told.rc == 0, told.stdout

"""What is refused before a build begins, and what sign-file is asked to do. (tests/vm signs with the kernel's own.)"""

from __future__ import annotations

from pathlib import Path

import pytest

from linerate.errors import HostError, InputError
from linerate.packages.netmap.package import sha256
from linerate.packages.netmap.recipe import BuildSpec, Signing
from linerate.packages.netmap.signing import expect_signing, sign
from linerate.system.run import run

SIGN_FILE = """#!/bin/sh
grep -q "of the pair $(cat "$3")" "$2" || { echo 'key values mismatch' >&2; exit 1; }
printf '%s %s' "$1" "$(cat "$3")" >>"$4"
"""


@pytest.fixture
def kernel(tmp_path) -> Path:
    program = tmp_path / "kernel/scripts/sign-file"
    program.parent.mkdir(parents=True)
    program.write_text(SIGN_FILE)
    program.chmod(0o755)
    return tmp_path / "kernel"


@pytest.fixture
def pair(tmp_path) -> Signing:
    (tmp_path / "key.pem").write_text("private half of the pair one")
    (tmp_path / "crt.der").write_text("one")
    return Signing(str(tmp_path / "key.pem"), str(tmp_path / "crt.der"), sha256(b"one"))


def test_modules_are_signed_with_the_key_and_its_certificate(kernel, pair, tmp_path):
    expect_signing(pair, str(kernel))
    module = tmp_path / "netmap.ko"
    module.write_text("module ")
    sign([module], pair, str(kernel), run)
    assert module.read_text() == "module sha256 one"


def test_a_key_of_another_pair_is_refused(kernel, pair, tmp_path):
    (tmp_path / "key.pem").write_text("private half of the pair two")
    with pytest.raises(HostError, match="key values mismatch"):
        sign([tmp_path / "netmap.ko"], pair, str(kernel), run)


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("key.pem", r"netmap_signing_key '.*key\.pem': is not a file on the build host.*openssl"),
        ("crt.der", r"netmap_signing_certificate '.*crt\.der': is not a file on the build host"),
        ("kernel/scripts/sign-file", "sign-file': is not on the build host"),
    ],
)
def test_what_is_missing_is_named(kernel, pair, tmp_path, missing, told):
    (tmp_path / missing).unlink()
    with pytest.raises((InputError, HostError), match=told):
        expect_signing(pair, str(kernel))


def test_another_certificate_than_the_packages_key_counts_is_refused(kernel, pair, tmp_path):
    (tmp_path / "crt.der").write_text("two")
    with pytest.raises(InputError, match=f"has sha256 {sha256(b'two')}, not {sha256(b'one')}"):
        expect_signing(pair, str(kernel))


def test_a_package_is_of_one_certificate_wherever_it_lies(pair):
    def key(signing: Signing | None) -> str:
        return BuildSpec("a" * 40, "6.1.0-56-amd64", signing=signing).key

    assert len({key(None), key(pair), key(Signing(pair.key, pair.certificate, sha256(b"two")))}) == 3
    assert key(pair) == key(Signing("/elsewhere/key", "/elsewhere/certificate", pair.sha256))

"""Checks before a build, and the calls of sign-file. (tests/vm uses the kernel's own.)"""

from __future__ import annotations

from pathlib import Path

import pytest

from linerate.errors import HostError, InputError
from linerate.packages.archive import sha256
from linerate.packages.netmap.recipe import Recipe, Signing
from linerate.packages.netmap.signing import check_signing, sign
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
    check_signing(pair, str(kernel))
    module = tmp_path / "netmap.ko"
    module.write_text("module ")
    sign([module], pair, str(kernel), run)
    assert module.read_text() == "module sha256 one"


def test_a_key_of_another_pair_is_refused(kernel, pair, tmp_path):
    (tmp_path / "key.pem").write_text("private half of the pair two")
    with pytest.raises(HostError, match="key values mismatch"):
        sign([tmp_path / "netmap.ko"], pair, str(kernel), run)


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("key.pem", r"netmap_signing_key '.*key\.pem': is not a file on the build host.*openssl"),
        ("crt.der", r"netmap_signing_certificate '.*crt\.der': is not a file on the build host"),
        ("kernel/scripts/sign-file", "sign-file': is not on the build host"),
    ],
)
def test_a_missing_file_is_named(kernel, pair, tmp_path, missing, message):
    (tmp_path / missing).unlink()
    with pytest.raises((InputError, HostError), match=message):
        check_signing(pair, str(kernel))


def test_another_certificate_than_that_of_the_recipe_is_refused(kernel, pair, tmp_path):
    (tmp_path / "crt.der").write_text("two")
    with pytest.raises(InputError, match=f"has sha256 {sha256(b'two')}, expected {sha256(b'one')}"):
        check_signing(pair, str(kernel))


def test_the_certificate_is_part_of_the_key_and_its_path_is_not(pair):
    def key(signing: Signing | None) -> str:
        return Recipe("a" * 40, "6.1.0-56-amd64", signing=signing).key

    assert len({key(None), key(pair), key(Signing(pair.key, pair.certificate, sha256(b"two")))}) == 3
    assert key(pair) == key(Signing("/elsewhere/key", "/elsewhere/certificate", pair.sha256))

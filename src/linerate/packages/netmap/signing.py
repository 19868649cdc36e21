"""Sign modules with a key of the bench's own, as a kernel under Secure Boot wants them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ...errors import HostError, InputError
from ...system.run import Runner
from .package import sha256
from .recipe import Signing

HASH = "sha256"
"""The digest of the signature; every kernel that netmap is built for knows it."""


def expect_signing(signing: Signing, kernel_folder: str) -> None:
    """Raise ``InputError`` or ``HostError`` where the key, its certificate or the kernel's sign-file is missing."""
    hint = "Make a pair with openssl(1): `openssl req -new -x509 -newkey rsa:2048 -nodes -outform DER ...`."
    for subject, path in (("netmap_signing_key", signing.key), ("netmap_signing_certificate", signing.certificate)):
        if not os.path.isfile(path):
            raise InputError(subject, path, "is not a file on the build host", hint)
    found = sha256(Path(signing.certificate).read_bytes())
    if found != signing.sha256:
        rule = f"has sha256 {found}, not {signing.sha256}"
        raise InputError("netmap_signing_certificate", signing.certificate, rule, "Run again.")
    if not os.access(_sign_file(kernel_folder), os.X_OK):
        hint = "Install the headers of the kernel anew: they bring it."
        raise HostError("program", _sign_file(kernel_folder), "is not on the build host", hint)


def sign(modules: Iterable[Path], signing: Signing, kernel_folder: str, run: Runner) -> None:
    """Append a signature to each of ``modules`` (the kernel's Documentation/admin-guide/module-signing.rst).

    Raises ``HostError`` where sign-file does not take the key, or it is not the certificate's.
    """
    for path in modules:
        done = run([_sign_file(kernel_folder), HASH, signing.key, signing.certificate, str(path)])
        if done.returncode != 0:
            said = " ".join((done.stderr or done.stdout).split())
            hint = "Give a private key (PEM, no passphrase) and the certificate (DER) that was made of it."
            raise HostError("signing", path.name, f"ended with {done.returncode}: {said}", hint)


def _sign_file(kernel_folder: str) -> str:
    return os.path.join(kernel_folder, "scripts/sign-file")

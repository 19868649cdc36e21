"""Sign modules with a key of the user's own, as a kernel under Secure Boot requires."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ...errors import HostError, InputError
from ...system.run import Runner
from ..archive import check_sha256
from .recipe import Signing

HASH = "sha256"
"""The digest of the signature; all kernels that netmap is built for support it."""


def check_signing(signing: Signing, kernel_folder: str) -> None:
    """Raise ``InputError`` or ``HostError`` when the key, its certificate or the kernel's sign-file is missing."""
    hint = "Make a pair by openssl(1): `openssl req -new -x509 -newkey rsa:2048 -nodes -outform DER ...`."
    for subject, path in (("netmap_signing_key", signing.key), ("netmap_signing_certificate", signing.certificate)):
        if not os.path.isfile(path):
            raise InputError(subject, path, "is not a file on the build host", hint)
    check_sha256("netmap_signing_certificate", signing.certificate, signing.sha256)
    if not os.access(_sign_file(kernel_folder), os.X_OK):
        hint = "Install the headers of the kernel again; they contain it."
        raise HostError("program", _sign_file(kernel_folder), "is not on the build host", hint)


def sign(modules: Iterable[Path], signing: Signing, kernel_folder: str, run: Runner) -> None:
    """Append a signature to each of ``modules`` (the kernel's Documentation/admin-guide/module-signing.rst).

    Raises ``HostError`` when sign-file does not accept the key, or the key does not belong to the certificate.
    """
    for path in modules:
        done = run([_sign_file(kernel_folder), HASH, signing.key, signing.certificate, str(path)])
        if done.returncode != 0:
            output = " ".join((done.stderr or done.stdout).split())
            hint = "Use a private key (PEM, no passphrase) and the certificate (DER) made of it."
            raise HostError("signing", path.name, f"ended with {done.returncode}: {output}", hint)


def _sign_file(kernel_folder: str) -> str:
    return os.path.join(kernel_folder, "scripts/sign-file")

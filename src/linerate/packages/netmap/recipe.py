"""What is to be built: its options, the key they add up to, and the command line of netmap's configure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...errors import InputError

FORMAT = 1
"""Part of the key: raise it when the same options come to mean another build."""

EXTERNAL_DRIVERS = frozenset({"e1000e", "igb", "ixgbe", "ixgbevf", "i40e", "ice", "mlx5", "virtio_net.c"})
"""Drivers whose source configure downloads by itself, without a checksum (LINUX/default-config.mak.in_)."""

OWN_FOLDER = frozenset({"igb", "ixgbe", "ixgbevf", "i40e", "ice"})
"""Those of them whose archive configure looks for in a folder of the driver's; the others' stand beside these."""

NOT_DOWNLOADED = "not downloaded: "
"""What a program says that configure would download with, before its arguments."""

_COMMIT = re.compile(r"[0-9a-f]{40}")
_KERNEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~-]*")
_DRIVER = re.compile(r"[a-z0-9][a-z0-9_]*(\.c)?")
_VERSION = re.compile(r"[0-9][A-Za-z0-9._-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class DriverArchive:
    """The source of an external driver: ``path`` on the build host, its sha256 in hexadecimal."""

    driver: str
    path: str
    sha256: str


@dataclass(frozen=True)
class Signing:
    """What modules are signed with: files on the build host, and the sha256 of the certificate in hexadecimal.

    ``key`` is a private key (PEM, without a passphrase), ``certificate`` the one of it (X.509, DER).
    """

    key: str
    certificate: str
    sha256: str


@dataclass(frozen=True)
class BuildSpec:
    """One build of netmap: a commit, for a kernel release (``uname -r``), with options of its configure.

    ``drivers`` are those to patch for native mode, by netmap's names (``ixgbe``, ``veth.c``); none builds the
    core module alone, whose adapter is emulated and which downloads nothing. ``no_ext_drivers`` are taken from
    ``kernel_sources`` instead of an external source, ``select_versions`` says which version of an external one.
    """

    commit: str
    kernel: str
    drivers: tuple[str, ...] = ()
    no_ext_drivers: tuple[str, ...] = ()
    select_versions: Mapping[str, str] = field(default_factory=dict)
    kernel_sources: str | None = None
    archives: tuple[DriverArchive, ...] = ()
    signing: Signing | None = None

    @classmethod
    def of_options(cls, options: Mapping[str, Any], kernel: str) -> BuildSpec:
        """The build of ``options`` for ``kernel``: plain values under the names of the fields, as JSON has them."""
        return cls(
            options["commit"],
            kernel,
            tuple(options["drivers"]),
            tuple(options["no_ext_drivers"]),
            {driver: str(version) for driver, version in options["select_versions"].items()},
            options["kernel_sources"],
            tuple(DriverArchive(**archive) for archive in options["archives"]),
            Signing(**options["signing"]) if options["signing"] else None,
        )

    def __post_init__(self) -> None:
        _expect(_COMMIT, "netmap commit", self.commit, "is not 40 hexadecimal digits", "Give the full commit id.")
        _expect(_KERNEL, "kernel release", self.kernel, "is not a kernel release", "Give what `uname -r` prints.")
        for name in (*self.drivers, *self.no_ext_drivers, *self.select_versions, *(a.driver for a in self.archives)):
            hint = "Take a name of `./configure --show-drivers`."
            _expect(_DRIVER, "netmap driver", name, "is not a driver's name", hint)
        for version in self.select_versions.values():
            _expect(_VERSION, "version of a netmap driver", version, "is not a version", "Write it as 6.1.6.")
        for archive in self.archives:
            hint = "Give 64 hexadecimal digits, as sha256sum prints them."
            _expect(_SHA256, f"sha256 of {archive.path}", archive.sha256, "is not a sha256", hint)
        if self.signing:
            hint = "Give 64 hexadecimal digits, as sha256sum prints them."
            _expect(_SHA256, f"sha256 of {self.signing.certificate}", self.signing.sha256, "is not a sha256", hint)
        self._refuse_unchecked_downloads()

    def _refuse_unchecked_downloads(self) -> None:
        given = {archive.driver for archive in self.archives}
        for driver in self.drivers:
            if driver in EXTERNAL_DRIVERS and driver not in given and driver not in self.no_ext_drivers:
                raise InputError(
                    "netmap driver",
                    driver,
                    "has an external source, which netmap would download without a checksum",
                    "Give its archive with a sha256, or take the kernel's own source: "
                    f"list {driver} in no_ext_drivers and name kernel_sources.",
                )

    @property
    def key(self) -> str:
        """16 hexadecimal digits: the same for the same commit, kernel and options, in whatever order they stand."""
        options = {
            "format": FORMAT,
            "commit": self.commit,
            "kernel": self.kernel,
            "drivers": sorted(set(self.drivers)),
            "no_ext_drivers": sorted(set(self.no_ext_drivers)),
            "select_versions": dict(self.select_versions),
            "kernel_sources": self.kernel_sources,
            "archives": sorted((archive.driver, archive.sha256) for archive in self.archives),
            "certificate": self.signing.sha256 if self.signing else None,
        }
        return hashlib.sha256(json.dumps(options, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def package_name(self) -> str:
        """The file name of the packed result."""
        return f"netmap-{self.commit[:12]}-{self.kernel}-{self.key}.tar.gz"

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules the build must give, without .ko: netmap and each wanted driver's."""
        return ("netmap", *sorted({driver[:-2] if driver.endswith(".c") else driver for driver in self.drivers}))


def configure_argv(spec: BuildSpec, configure: str, kernel_folder: str, stage: str) -> tuple[str, ...]:
    """The command line of netmap's ``configure``, which installs under the folder ``stage`` afterwards.

    No applications: one of them is called ``bridge`` and would hide iproute2's.
    """
    argv = [
        configure,
        f"--kernel-dir={kernel_folder}",
        "--fail-on-driver-errors",
        "--no-apps",
        "--no-utils",
        f"--install-mod-path={stage}",
        f"--destdir={stage}",
    ]
    argv.append(_listed("--drivers", spec.drivers) if spec.drivers else "--no-drivers")
    if spec.no_ext_drivers:
        argv.append(_listed("--no-ext-drivers", spec.no_ext_drivers))
    if spec.select_versions:
        pairs = (f"{driver}:{version}" for driver, version in spec.select_versions.items())
        argv.append(_listed("--select-version", tuple(pairs)))
    if spec.kernel_sources:
        argv.append(f"--kernel-sources={spec.kernel_sources}")
    return tuple(argv)


def native_drivers(report: str) -> tuple[str, ...]:
    """The drivers that configure says, in its closing report, will be built.

    Raises :class:`InputError` where the text holds no such report.
    """
    lines = [line.removeprefix("*** ") for line in report.splitlines()]
    found = [line for line in lines if line.startswith("native drivers ")]
    if not found:
        hint = "Look at its whole output; netmap's configure may have changed."
        raise InputError("output of netmap's configure", None, "holds no line `native drivers`", hint)
    return tuple(found[-1].split()[2:])


def complaint(report: str) -> str:
    """The first warning or error of configure's output in one line, or its last lines where there is none."""
    boxed: list[str] = []
    inside = False
    for line in report.splitlines():
        if re.match(r"\*{20,}\s+(WARNING|ERROR)\s+\*{20,}", line):
            inside = True
        elif inside and line.startswith("*****"):
            break
        elif inside:
            boxed.append(line.lstrip("*").strip())
    said = boxed or [line.strip() for line in report.splitlines()[-3:]]
    return " ".join(word for word in said if word)


def not_downloaded(report: str) -> str | None:
    """The name of the first file that configure would have downloaded, by its output; None where there is none."""
    said = re.search(rf"^{NOT_DOWNLOADED}.*?://\S*/(\S+)", report, re.MULTILINE)
    return said[1] if said else None


def _listed(option: str, values: Sequence[str]) -> str:
    return f"{option}={','.join(sorted(set(values)))}"


def _expect(pattern: re.Pattern[str], subject: str, value: str, rule: str, hint: str) -> None:
    if not pattern.fullmatch(value):
        raise InputError(subject, value, rule, hint)

"""The recipe of one build of netmap, and the manifest of its package."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ...errors import InputError
from ..archive import Manifest as AnyManifest
from ..recipe import SHA256, check
from ..recipe import Recipe as AnyRecipe

EXTERNAL_DRIVERS = frozenset({"e1000e", "igb", "ixgbe", "ixgbevf", "i40e", "ice", "mlx5", "virtio_net.c"})
"""Drivers whose source configure downloads itself, without a checksum (LINUX/default-config.mak.in_)."""

DRIVERS = (
    "e1000",
    "e1000e",
    "forcedeth.c",
    "i40e",
    "ice",
    "igb",
    "igc",
    "ixgbe",
    "ixgbevf",
    "mlx5",
    "r8169.c",
    "stmmac",
    "veth.c",
    "virtio_net.c",
    "vmxnet3",
)
"""The drivers that netmap patches, by its names (LINUX/final-patches)."""

OWN_FOLDER = frozenset({"igb", "ixgbe", "ixgbevf", "i40e", "ice"})
"""External drivers whose archive configure expects in a folder named after the driver."""

_COMMIT = re.compile(r"[0-9a-f]{40}")
_KERNEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~-]*")
_DRIVER = re.compile(r"[a-z0-9][a-z0-9_]*(\.c)?")
_VERSION = re.compile(r"[0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class DriverArchive:
    """The source of an external driver: ``path`` on the build host, its sha256 in hexadecimal."""

    driver: str
    path: str
    sha256: str


@dataclass(frozen=True)
class KernelSources:
    """The sources of the kernel's own drivers on the build host: ``path`` is a folder or a tar archive.

    ``sha256`` is that of their content (:func:`~.kernel_sources.digest`), empty when they are not there yet.
    """

    path: str
    sha256: str


@dataclass(frozen=True)
class Signing:
    """The key pair that signs the modules: files on the build host, and the sha256 of the certificate in hexadecimal.

    ``key`` is the private key (PEM, without a passphrase), ``certificate`` its certificate (X.509, DER).
    """

    key: str
    certificate: str
    sha256: str


@dataclass(frozen=True)
class Recipe(AnyRecipe):
    """One build of netmap: a commit, for a kernel release (``uname -r``), with options of its configure.

    ``drivers`` are patched for native mode, by netmap's names (``ixgbe``, ``veth.c``); without any the core module
    alone is built: its adapter is emulated, and nothing is downloaded. The source of ``no_ext_drivers`` is
    ``kernel_sources`` and not an external one; ``select_versions`` gives the version of an external one.
    """

    product: ClassVar[str] = "netmap"

    commit: str
    kernel: str
    drivers: tuple[str, ...] = ()
    no_ext_drivers: tuple[str, ...] = ()
    select_versions: Mapping[str, str] = field(default_factory=dict)
    kernel_sources: KernelSources | None = None
    archives: tuple[DriverArchive, ...] = ()
    signing: Signing | None = None

    @classmethod
    def from_options(cls, options: Mapping[str, Any], kernel: str) -> Recipe:
        """The recipe with ``options`` for ``kernel``: plain values by the names of the fields, as JSON has them."""
        return cls(
            options["commit"],
            kernel,
            tuple(options["drivers"]),
            tuple(options["no_ext_drivers"]),
            {driver: str(version) for driver, version in options["select_versions"].items()},
            KernelSources(**options["kernel_sources"]) if options["kernel_sources"] else None,
            tuple(DriverArchive(**archive) for archive in options["archives"]),
            Signing(**options["signing"]) if options["signing"] else None,
        )

    def __post_init__(self) -> None:
        check(_COMMIT, "netmap_commit", self.commit, "is not 40 hexadecimal digits", "Use the full commit id.")
        check(_KERNEL, "kernel release", self.kernel, "is not a kernel release", "Use the output of `uname -r`.")
        for variable, names in (
            ("netmap_drivers", self.drivers),
            ("netmap_no_ext_drivers", self.no_ext_drivers),
            ("netmap_select_versions", self.select_versions),
            ("netmap_driver_archives", tuple(archive.driver for archive in self.archives)),
        ):
            for name in names:
                check(_DRIVER, variable, name, "is not the name of a driver", f"Use one of {', '.join(DRIVERS)}.")
        for version in self.select_versions.values():
            check(_VERSION, "netmap_select_versions", version, "is not a version", "Write it as 6.1.6.")
        digests = {f"netmap_driver_archives, sha256 of {archive.path}": archive.sha256 for archive in self.archives}
        if self.signing:
            digests[f"sha256 of {self.signing.certificate}"] = self.signing.sha256
        for subject, digest in digests.items():
            check(SHA256, subject, digest, "is not a sha256", "Use 64 hexadecimal digits, as sha256sum prints them.")
        self._refuse_unchecked_downloads()

    def _refuse_unchecked_downloads(self) -> None:
        available = {*self.no_ext_drivers, *(archive.driver for archive in self.archives)}
        for driver in self.drivers:
            if driver in EXTERNAL_DRIVERS and driver not in available:
                rule = "has an external source, which netmap would download without a checksum"
                hint = "Provide its archive with a sha256 in netmap_driver_archives, or use the kernel's own source: "
                hint += f"list {driver} in netmap_no_ext_drivers and set netmap_kernel_sources."
                raise InputError("netmap_drivers", driver, rule, hint)

    @property
    def deciding_values(self) -> dict[str, Any]:
        """Without the paths of sources, archives and keys: their content decides."""
        return {
            "commit": self.commit,
            "kernel": self.kernel,
            "drivers": sorted(set(self.drivers)),
            "no_ext_drivers": sorted(set(self.no_ext_drivers)),
            "select_versions": dict(self.select_versions),
            "kernel_sources": self.kernel_sources.sha256 if self.kernel_sources else None,
            "archives": sorted((archive.driver, archive.sha256) for archive in self.archives),
            "certificate": self.signing.sha256 if self.signing else None,
        }

    @property
    def label(self) -> str:
        """The commit and the kernel."""
        return f"{self.commit[:12]}-{self.kernel}"

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules that the build must produce, without .ko: netmap and those of the drivers."""
        return ("netmap", *module_names(self.drivers))


@dataclass(frozen=True)
class Manifest(AnyManifest):
    """The manifest of a package of netmap; its files are those below the root folder.

    ``kernel_sources`` is the sha256 of the kernel's sources that it was built from, empty without them.
    """

    product: ClassVar[str] = "netmap"

    commit: str
    kernel: str
    modules: tuple[str, ...]
    native_drivers: tuple[str, ...]
    configure: tuple[str, ...]
    kernel_sources: str = ""

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Manifest:
        """The manifest with plain ``values``, as JSON has them."""
        tuples = {name: tuple(values[name]) for name in ("modules", "native_drivers", "configure")}
        return cls(**{**values, **tuples})

    @property
    def target(self) -> str:
        """The kernel."""
        return f"kernel {self.kernel}"


def module_names(drivers: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    """The kernel's names of drivers, from netmap's (``veth.c`` is in the module veth)."""
    return tuple(sorted({name[:-2] if name.endswith(".c") else name for name in drivers}))

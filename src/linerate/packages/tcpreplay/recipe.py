"""The recipe of one build of tcpreplay, and the manifest of its package."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from ...errors import InputError
from ...tcpreplay.version import why_netmap_is_broken
from ..archive import Manifest as AnyManifest
from ..recipe import SHA256, check
from ..recipe import Recipe as AnyRecipe

OWN_OPTIONS = ("--prefix", "--with-netmap", "CC=")
"""Options of configure that have a field of their own here."""

_VERSION = re.compile(r"\d+\.\d+\.\d+[\w.-]*")

_FAMILIES = {"debian": "Debian", "ubuntu": "Debian", "rhel": "RedHat", "centos": "RedHat", "fedora": "RedHat"}
"""Ansible's names of the distribution families, by the ID and ID_LIKE of os-release(5)."""


@dataclass(frozen=True)
class Recipe(AnyRecipe):
    """One build of tcpreplay. ``sha256`` is that of the source archive, ``prefix`` the folder of the versions.

    ``system`` is where it will run (:func:`this_system`), ``options`` go to configure, ``netmap`` is the commit of
    netmap whose headers are compiled in, or empty for none.
    """

    product: ClassVar[str] = "tcpreplay"

    version: str
    sha256: str
    prefix: str
    system: str
    options: tuple[str, ...] = ()
    compiler: str = "cc"
    netmap: str = ""

    def __post_init__(self) -> None:
        check(_VERSION, "tcpreplay_version", self.version, "is not a version of tcpreplay", "Write it as 4.4.2.")
        hint = "Use 64 hexadecimal digits, as sha256sum prints them."
        check(SHA256, "tcpreplay_source_checksum", self.sha256, "is not a sha256", hint)
        if not os.path.isabs(self.prefix):
            raise InputError("tcpreplay_prefix", self.prefix, "is not an absolute path", "Begin it with /.")
        for option in self.options:
            if option.startswith(OWN_OPTIONS):
                raise InputError(
                    "tcpreplay_configure_options", option, "has a parameter of its own", "Use that parameter."
                )
        broken = why_netmap_is_broken(self.version) if self.netmap else None
        if broken:
            raise InputError("tcpreplay_version", self.version, broken, "Use 4.4.2, 4.4.3, or 4.5.3 or later.")

    @property
    def deciding_values(self) -> dict[str, Any]:
        """All of them; the compiler counts by its name."""
        return asdict(self)

    @property
    def label(self) -> str:
        """The version and the system."""
        return f"{self.version}-{self.system.lower().replace(' ', '-')}"

    @property
    def place(self) -> Path:
        """The folder that it is installed in: the configured prefix."""
        return Path(self.prefix, self.version)


@dataclass(frozen=True)
class Manifest(AnyManifest):
    """The manifest of a package of tcpreplay; its files are those below the place of the recipe."""

    product: ClassVar[str] = "tcpreplay"

    recipe: Recipe
    built_with: Mapping[str, str]

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Manifest:
        """The manifest with plain ``values``, as JSON has them."""
        recipe = values["recipe"]
        return cls(**{**values, "recipe": Recipe(**{**recipe, "options": tuple(recipe["options"])})})

    @property
    def target(self) -> str:
        """The system."""
        return self.recipe.system


def this_system(root: str = "/") -> str:
    """What a program that is linked with the system's libraries is bound to: family, major release, machine.

    Such as ``Debian 12 x86_64``, in the words of Ansible's facts os_family, distribution_major_version and
    architecture.
    """
    path = Path(root, "etc/os-release")
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    values = dict(re.findall(r"""^(ID|ID_LIKE|VERSION_ID)=["']?(.*?)["']?$""", text, re.MULTILINE))
    names = [values.get("ID", ""), *values.get("ID_LIKE", "").split()]
    family = next((_FAMILIES[name] for name in names if name in _FAMILIES), values.get("ID", "unknown"))
    return f"{family} {values.get('VERSION_ID', 'unknown').partition('.')[0]} {os.uname().machine}"

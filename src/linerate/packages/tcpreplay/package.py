"""What a build of tcpreplay is asked to be, the system it runs on, and the manifest of its package."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from ...errors import HostError, InputError
from ...tcpreplay.version import why_netmap_is_broken
from .. import archive as package

FORMAT = 1
"""Part of the key: raise it when the same recipe comes to mean another build."""

OWN_OPTIONS = ("--prefix", "--with-netmap", "CC=")
"""Options of configure that have a parameter of their own here."""

_FAMILIES = {"debian": "Debian", "ubuntu": "Debian", "rhel": "RedHat", "centos": "RedHat", "fedora": "RedHat"}
"""Ansible's names of the distribution families, by the ID and ID_LIKE of os-release(5)."""


@dataclass(frozen=True)
class Recipe:
    """What to build. ``sha256`` is that of the source archive, ``prefix`` the folder that holds the versions,
    ``system`` where it is to run (:func:`this_system`), ``options`` go to configure, ``netmap`` is the commit of
    netmap whose headers are compiled in, or empty for none.

    Raises ``InputError`` where it cannot end well.
    """

    version: str
    sha256: str
    prefix: str
    system: str
    options: tuple[str, ...] = ()
    compiler: str = "cc"
    netmap: str = ""

    def __post_init__(self) -> None:
        _expect(r"\d+\.\d+\.\d+[\w.-]*", "version", self.version, "is not a version of tcpreplay", "Give one as 4.4.2.")
        _expect("[0-9a-f]{64}", "sha256", self.sha256, "is not a sha256 of 64 hexadecimal digits", "Copy it whole.")
        if not os.path.isabs(self.prefix):
            raise InputError("prefix", self.prefix, "is not an absolute path", "Begin it with /.")
        for option in self.options:
            if option.startswith(OWN_OPTIONS):
                raise InputError("configure option", option, "is set by a parameter of its own", "Use that parameter.")
        broken = why_netmap_is_broken(self.version) if self.netmap else None
        if broken:
            raise InputError("version", self.version, broken, "Take 4.4.2, 4.4.3, or 4.5.3 or newer.")

    @property
    def place(self) -> Path:
        """Where it is installed: the configured prefix."""
        return Path(self.prefix, self.version)

    @property
    def key(self) -> str:
        """A hash over all that decides which build it is; the compiler counts by its name."""
        decides = json.dumps({"format": FORMAT, **asdict(self)}, sort_keys=True)
        return hashlib.sha256(decides.encode()).hexdigest()[:16]

    @property
    def package_name(self) -> str:
        """The file name of the packed result."""
        return f"tcpreplay-{self.version}-{self.system.lower().replace(' ', '-')}-{self.key}.tar.gz"


@dataclass(frozen=True)
class Manifest:
    """What a package is: the recipe and its key, what it was built with, and sha256 by path below the place."""

    key: str
    recipe: Recipe
    built_with: Mapping[str, str]
    files: Mapping[str, str]

    def as_json(self) -> bytes:
        """The manifest as it is stored."""
        return (json.dumps(asdict(self), indent=2, sort_keys=True) + "\n").encode()


def read_manifest(content: bytes, source: str) -> Manifest:
    """The manifest in ``content``. Raises ``InputError``, which names ``source``, where it is none."""
    try:
        values = json.loads(content)
        recipe = values.pop("recipe")
        return Manifest(recipe=Recipe(**{**recipe, "options": tuple(recipe["options"])}), **values)
    except (ValueError, TypeError, KeyError, InputError) as error:
        hint = "Remove it; the next run builds it anew."
        raise InputError("tcpreplay package", source, f"holds no manifest that can be read ({error})", hint) from error


def unpack(path: str) -> tuple[Manifest, dict[str, bytes]]:
    """The manifest and the files of the package at ``path``; raises as :func:`..archive.unpack` does."""
    return package.unpack(path, "tcpreplay package", read_manifest)


def is_package_of(recipe: Recipe, path: str) -> bool:
    """Whether ``path`` is a whole package of ``recipe``."""
    try:
        return unpack(path)[0].key == recipe.key
    except (HostError, InputError):
        return False


def this_system(root: str = "/") -> str:
    """What a program that is linked with the system's own libraries is bound to: family, major release, machine.

    Such as ``Debian 12 x86_64``, in the words of Ansible's facts os_family, distribution_major_version and
    architecture.
    """
    path = Path(root, "etc/os-release")
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    said = dict(re.findall(r"""^(ID|ID_LIKE|VERSION_ID)=["']?(.*?)["']?$""", text, re.MULTILINE))
    names = [said.get("ID", ""), *said.get("ID_LIKE", "").split()]
    family = next((_FAMILIES[name] for name in names if name in _FAMILIES), said.get("ID", "unknown"))
    return f"{family} {said.get('VERSION_ID', 'unknown').partition('.')[0]} {os.uname().machine}"


def _expect(pattern: str, subject: str, value: str, rule: str, hint: str) -> None:
    if not re.fullmatch(pattern, value):
        raise InputError(subject, value, rule, hint)

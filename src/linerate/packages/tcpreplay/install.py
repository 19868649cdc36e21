"""Put a package of tcpreplay in place, whole, after it was seen to run."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...errors import HostError, InputError
from ...system.files import write_whole
from ...system.run import Runner
from ...tcpreplay.version import find
from ..archive import sha256
from ..build_folders import one_at_a_time
from .package import Manifest, Recipe, read_manifest, this_system, unpack

STAMP = "linerate-build.json"
"""Name of the file in the installed folder that holds the manifest of what is there."""


@dataclass(frozen=True)
class Installed:
    """What is on the host now, and why something had to be done (in check mode: would be); empty where nothing."""

    manifest: Manifest
    reasons: tuple[str, ...]

    @property
    def executable(self) -> str:
        """The installed tcpreplay."""
        return str(executable(self.manifest.recipe.place))


def executable(place: Path) -> Path:
    """Where tcpreplay is in the folder it was installed to."""
    return place / "bin" / "tcpreplay"


def install(package: str, run: Runner, check: bool = False, root: str = "/") -> Installed:
    """Have ``package`` in its place on this host, and nothing left of another that was there.

    It is put beside its place, run there, and moved by one rename: what was there before stays until the new
    one has run. Who comes while another installs below the same prefix waits, and finds it done. Raises
    ``InputError`` for a package of another system, ``HostError`` where it does not run here.
    """
    manifest, contents = unpack(package)
    system = this_system(root)
    if manifest.recipe.system != system:
        hint = f"Build it for {system}."
        raise InputError("tcpreplay package", package, f"is for {manifest.recipe.system}, and this is {system}", hint)
    place = Path(root, *manifest.recipe.place.parts[1:])
    if check:
        return Installed(manifest, (*_differences(manifest, place), *map(_cut_off, _stale(place))))
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with one_at_a_time(place.parent):
            differences, stale = _differences(manifest, place), _stale(place)
            for path in stale:
                shutil.rmtree(path)
            if differences:
                _put(manifest, contents, place, run)
    except OSError as error:
        subject = str(error.filename or place)
        hint = "Make it a writable place with enough room, and run again."
        raise HostError("path", subject, f"cannot be used: {error.strerror}", hint) from error
    return Installed(manifest, (*differences, *map(_cut_off, stale)))


def prove(recipe: Recipe, place: Path, run: Runner) -> None:
    """Raise ``HostError`` unless the tcpreplay in ``place`` runs on this host and is what was asked for."""
    found = find(run, str(executable(place)))
    said = found.version.version if found else "nothing"
    if found is None or said != recipe.version:
        rule = f"says that it is version {said}, not {recipe.version}"
        raise HostError("tcpreplay", str(executable(place)), rule, "Check the source archive.")
    if recipe.netmap and not found.version.netmap:
        rule = "does not say 'Optional injection method: netmap' when asked with -V"
        raise HostError("tcpreplay", str(executable(place)), rule, "Check the source archive.")


def _differences(manifest: Manifest, place: Path) -> tuple[str, ...]:
    """Why what is in ``place`` is not the package; none where it is."""
    try:
        there = read_manifest((place / STAMP).read_bytes(), str(place / STAMP))
    except (OSError, InputError):
        return (f"{place} holds no finished installation",)
    before = {**vars(there.recipe), "key": there.key}
    after = {**vars(manifest.recipe), "key": manifest.key}
    asked = [f"{name} was {before[name]!r}, is to be {after[name]!r}" for name in after if before[name] != after[name]]
    files = [f"{place / name} is not the package's" for name in manifest.files if _differs(name, manifest, place)]
    return (*asked, *files)


def _differs(name: str, manifest: Manifest, place: Path) -> bool:
    try:
        return sha256((place / name).read_bytes()) != manifest.files[name]
    except OSError:
        return True


def _stale(place: Path) -> list[Path]:
    """What installations left that were cut off, of whatever version."""
    return sorted(place.parent.glob(".[0-9]*"))


def _cut_off(path: Path) -> str:
    return f"{path} is of an installation that was cut off"


def _put(manifest: Manifest, contents: Mapping[str, bytes], place: Path, run: Runner) -> None:
    beside = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
    aside = beside.with_name(f"{beside.name}.old")
    try:
        beside.chmod(0o755)
        for name, content in contents.items():
            path = beside / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            path.chmod(0o755 if path.parent.name == "bin" else 0o644)
        _expect_to_run(manifest.recipe, beside, run)
        write_whole(beside / STAMP, manifest.as_json())
        # The new name must not outlive a power failure that the files behind it do not.
        os.sync()
        if place.exists():
            place.rename(aside)
        beside.rename(place)
    finally:
        for stale in (beside, aside):
            shutil.rmtree(stale, ignore_errors=True)


def _expect_to_run(recipe: Recipe, place: Path, run: Runner) -> None:
    try:
        prove(recipe, place, run)
    except HostError as error:
        hint = "Install the library it misses (libpcap0.8 on Debian, libpcap on EL), or build without that library."
        raise HostError("tcpreplay", recipe.version, f"cannot be installed, it {error.rule}", hint) from error

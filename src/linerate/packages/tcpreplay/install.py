"""Install a package of tcpreplay in its folder, completely, after a test run."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ...errors import HostError, InputError
from ...system.files import write_whole
from ...system.lock import exclusive
from ...system.run import Runner
from ...tcpreplay.version import find
from ..archive import read_manifest
from ..install import Installed, differing_files, unpack_for
from ..paths import usable
from .recipe import Manifest, Recipe, this_system

STAMP = "linerate-build.json"
"""Name of the file in the installed folder that holds the manifest of what is installed."""


def executable(place: Path) -> Path:
    """The tcpreplay in the folder that it is installed in."""
    return place / "bin" / "tcpreplay"


def install(package: str, run: Runner, check: bool = False, root: str = "/") -> Installed[Manifest]:
    """Install ``package`` in its place on this host, without remainders of another build of that version.

    The files are written to a folder next to the place, run there, and moved by one rename: the previous installation
    stays until the new one has run. A second installation below the same prefix waits for the first. Raises
    ``InputError`` for a package of another system, ``HostError`` when it does not run here.
    """
    manifest, contents = unpack_for(this_system(root), package, Manifest)
    place = Path(root, *manifest.recipe.place.parts[1:])
    if check:
        return Installed(manifest, (*_differences(manifest, place), *map(_remove_step, _interrupted(place))))
    with usable(str(place)):
        place.parent.mkdir(parents=True, exist_ok=True)
        with exclusive(place.parent):
            differences, interrupted = _differences(manifest, place), _interrupted(place)
            for path in interrupted:
                shutil.rmtree(path)
            if differences:
                _replace(manifest, contents, place, run)
    return Installed(manifest, (*differences, *map(_remove_step, interrupted)))


def check_runs(recipe: Recipe, place: Path, run: Runner) -> None:
    """Raise ``HostError`` unless the tcpreplay in ``place`` runs on this host and matches the recipe."""
    path = str(executable(place))
    found = find(run, path)
    version = found.version.version if found else "unknown"
    if found is None or version != recipe.version:
        raise HostError("tcpreplay", path, f"has version {version}, not {recipe.version}", "Check the source archive.")
    if recipe.netmap and not found.version.netmap:
        rule = "does not print 'Optional injection method: netmap' with -V"
        raise HostError("tcpreplay", path, rule, "Check the source archive.")


def _differences(manifest: Manifest, place: Path) -> tuple[str, ...]:
    """The steps that make ``place`` the package's, with the reasons; none when it is."""
    try:
        found = read_manifest((place / STAMP).read_bytes(), str(place / STAMP), Manifest)
    except (OSError, InputError):
        return (f"install {place}: it contains no finished installation",)
    before = {**vars(found.recipe), "key": found.key}
    after = {**vars(manifest.recipe), "key": manifest.key}
    changed = (name for name in after if before[name] != after[name])
    values = [f"install {place}: {name} changes from {before[name]!r} to {after[name]!r}" for name in changed]
    files = [f"install {place}: {name} differs from the package" for name in differing_files(manifest.files, place)]
    return (*values, *files)


def _interrupted(place: Path) -> list[Path]:
    """Remainders of interrupted installations, of any version."""
    return sorted(place.parent.glob(".[0-9]*"))


def _remove_step(path: Path) -> str:
    return f"remove {path}"


def _replace(manifest: Manifest, contents: Mapping[str, bytes], place: Path, run: Runner) -> None:
    new = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
    old = new.with_name(f"{new.name}.old")
    try:
        new.chmod(0o755)
        for name, content in contents.items():
            path = new / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            path.chmod(0o755 if path.parent.name == "bin" else 0o644)
        _check_runs_here(manifest.recipe, new, run)
        write_whole(new / STAMP, manifest.as_json())
        # A power failure must not keep the new name and lose the files.
        os.sync()
        if place.exists():
            place.rename(old)
        new.rename(place)
    finally:
        for path in (new, old):
            shutil.rmtree(path, ignore_errors=True)


def _check_runs_here(recipe: Recipe, place: Path, run: Runner) -> None:
    try:
        check_runs(recipe, place, run)
    except HostError as error:
        hint = "Install the missing library (libpcap0.8 on Debian, libpcap on EL), or build without it."
        raise HostError("tcpreplay", recipe.version, f"cannot be installed, it {error.rule}", hint) from error

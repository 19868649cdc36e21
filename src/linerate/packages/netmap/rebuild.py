"""Build, install and load netmap for a kernel that has none: what a host does by itself at the kernel's first boot.

The unit linerate-netmap.service runs a copy of this module; :mod:`.boot` installs both.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from ...errors import HostError, LinerateError
from ...netmap.module import is_current, running_kernel
from ...system.run import run, run_logged
from ..build import Tools, build
from .build import MODULE_FOLDER, NetmapBuild
from .initramfs import refresh
from .install import install, installed_manifest
from .kernel_sources import digest
from .load import load
from .rebind import Swap, go_native
from .recipe import Manifest, Recipe, module_names
from .stale_files import STATE_FOLDER

SETTINGS = f"{STATE_FOLDER}/rebuild/settings.json"
"""Below the root folder; holds the settings of the next kernel's build."""


@dataclass(frozen=True)
class Settings:
    """A build for kernels to come: ``options`` as :meth:`Recipe.from_options` takes them, the archive of netmap's
    ``source``, the folders ``packages`` and ``work``, the ``interface`` that sends (only its driver may be
    exchanged), and the time limit of each step in seconds."""

    options: Mapping[str, Any]
    source: str
    packages: str
    work: str
    interface: str
    timeout: float

    def as_json(self) -> bytes:
        """The settings as they are stored."""
        return (json.dumps(asdict(self), indent=2, sort_keys=True) + "\n").encode()


def read_settings(root: str = "/") -> Settings:
    """The settings that this host stores. Raises ``HostError`` when they are missing or damaged."""
    path = Path(root, SETTINGS)
    try:
        return Settings(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        hint = "Run playbooks/netmap.yml for this host."
        raise HostError("settings of netmap's rebuild", str(path), f"cannot be read ({error})", hint) from error


def rebuild(settings: Settings, tools: Tools) -> str:
    """Build, install and load netmap for the running kernel as ``settings`` say; what was done, in one line.

    Parameters of the module come from modprobe.d. The user consented to the drivers when the settings were written.
    Raises as ``build``, ``install``, ``load`` and ``go_native`` do.
    """
    root, run = tools.root, tools.run
    kernel = running_kernel(root)
    recipe = Recipe.from_options(settings.options, kernel)
    title = f"netmap {recipe.commit[:12]} for kernel {kernel}"
    manifest = installed_manifest(kernel, root)
    # Sources that were replaced for the next kernel do not make the build of this one stale.
    recipe = _with_sources(recipe, manifest.kernel_sources if manifest else "")
    if manifest and manifest.key == recipe.key:
        if _is_loaded(manifest, tools):
            return f"{title} is installed and loaded"
    elif recipe.kernel_sources:
        recipe = _with_sources(recipe, digest(recipe.kernel_sources.path) or "")
    package, built = build(NetmapBuild(recipe, settings.source), settings.packages, tools)
    install(package, run, root=root)
    if recipe.drivers:
        modules = module_names(recipe.drivers)
        go_native(Swap(settings.interface, modules, {}), {}, run, root=root)
        refresh({name: f"{MODULE_FOLDER}/{name}.ko" for name in ("netmap", *modules)}, kernel, run, root=root)
    else:
        load({}, run, root=root)
    return f"{title} was {'built, ' if built else ''}installed and loaded"


def _with_sources(recipe: Recipe, sha256: str) -> Recipe:
    """The recipe with this content of the kernel's sources, if it uses any."""
    sources = recipe.kernel_sources
    return replace(recipe, kernel_sources=replace(sources, sha256=sha256)) if sources else recipe


def _is_loaded(manifest: Manifest, tools: Tools) -> bool:
    """Whether the installed netmap is loaded, and the installed build of each of its drivers that is loaded."""
    modules = Path(tools.root, "sys/module")
    drivers = [name for name in manifest.modules if name != "netmap" and (modules / name).exists()]
    return all(is_current(tools.run, tools.root, name) for name in ("netmap", *drivers))


def main(root: str = "/") -> int:
    """The program of the unit: prints the result, or the error, as one line for the journal."""
    try:
        settings = read_settings(root)
        seconds = settings.timeout
        tools = Tools(partial(run, timeout=seconds), partial(run_logged, timeout=seconds), settings.work, root=root)
        print(rebuild(settings, tools))
    except LinerateError as error:
        message = " ".join(str(error).split())
        print(f"netmap is missing for this kernel: {message} Then: systemctl restart linerate-netmap", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Build, install and load netmap for a kernel that has none yet: what a host does at its boot by itself.

The unit linerate-netmap.service runs this file as a program; :mod:`.boot` puts both on the host.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ...errors import HostError, LinerateError
from ...system.run import Runner, run
from .build import MODULE_FOLDER, build
from .initramfs import refresh
from .install import install, installed_manifest, is_current, load, running_kernel
from .package import Manifest
from .rebind import Swap, go_native, modules_of
from .recipe import BuildSpec
from .stale_files import STATE_FOLDER

RECIPE = f"{STATE_FOLDER}/rebuild/recipe.json"
"""Below the root folder; what the next kernel's build is made of."""


@dataclass(frozen=True)
class Recipe:
    """A build without its kernel: ``options`` as :meth:`BuildSpec.of_options` takes them, the archive of netmap's
    ``source``, the folders of ``packages`` and to ``work`` in, the ``interface`` that sends (its driver is the one
    that may be swapped), and seconds that any one step may take."""

    options: Mapping[str, Any]
    source: str
    packages: str
    work: str
    interface: str
    timeout: float

    def as_json(self) -> bytes:
        """The recipe as it is stored."""
        return (json.dumps(asdict(self), indent=2, sort_keys=True) + "\n").encode()


def read_recipe(root: str = "/") -> Recipe:
    """The recipe that this host keeps. Raises ``HostError`` where there is none, or it cannot be read."""
    path = Path(root, RECIPE)
    try:
        return Recipe(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        hint = "Run playbooks/netmap.yml for this host."
        raise HostError("recipe of netmap", str(path), f"cannot be read ({error})", hint) from error


def rebuild(recipe: Recipe, run: Runner, root: str = "/") -> str:
    """Have netmap of ``recipe`` installed and loaded for the kernel that runs; what was done, in one line.

    Parameters of the module come from modprobe.d. That drivers are patched in it is the consent to swap them, which
    the recipe was written with. Raises as ``build``, ``install``, ``load`` and ``go_native`` do.
    """
    kernel = running_kernel(root)
    spec = BuildSpec.of_options(recipe.options, kernel)
    named = f"netmap {spec.commit[:12]} for kernel {kernel}"
    manifest = installed_manifest(kernel, root)
    if manifest and manifest.key == spec.key and _is_loaded(manifest, run, root):
        return f"{named} is installed and loaded"
    package, built = build(spec, recipe.source, recipe.packages, recipe.work, run)
    install(package, run, root=root)
    if spec.drivers:
        modules = modules_of(spec.drivers)
        go_native(Swap(recipe.interface, modules, {}), {}, run, root=root)
        refresh({name: f"{MODULE_FOLDER}/{name}.ko" for name in ("netmap", *modules)}, kernel, run, root=root)
    else:
        load({}, run, root=root)
    return f"{named} was {'built, ' if built else ''}installed and loaded"


def _is_loaded(manifest: Manifest, run: Runner, root: str) -> bool:
    """Whether netmap is loaded as installed, and so are those of its drivers that are loaded at all."""
    drivers = [name for name in manifest.modules if name != "netmap" and Path(root, "sys/module", name).exists()]
    return all(is_current(run, root, name) for name in ("netmap", *drivers))


def main() -> int:
    """What the unit runs: one line to the journal, whatever comes out."""
    try:
        recipe = read_recipe()
        print(rebuild(recipe, partial(run, timeout=recipe.timeout)))
    except LinerateError as error:
        print(f"netmap is not there for this kernel: {error} Then: systemctl restart linerate-netmap", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Build tcpreplay from a release tarball.

The release tarball contains what autogen and libopts would be needed for (tcpreplay configure.ac, 4.4.2).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...errors import HostError, InputError
from ..archive import check_sha256, sha256, unpack
from ..build import Product, Tools, Workspace
from ..netmap.recipe import Manifest as NetmapManifest
from .install import check_runs
from .recipe import Manifest, Recipe, this_system

HEADERS = "usr/local/include/net/"
"""netmap's headers in its packages; tcpreplay needs nothing else of netmap (tcpreplay configure.ac)."""
WITHOUT_LIBDNET = "--without-libdnet"
"""configure would take libdnet where the build host has it, and the sender, which may lack it, could not run it."""

_SUMMARY = re.compile(r"^Linux/BSD netmap:[ \t]*(?P<text>.*?)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True)
class TcpreplayBuild(Product[Manifest]):
    """A build of ``recipe`` from the release tarball ``archive``.

    ``netmap_package`` is a package of netmap, for its headers; empty without netmap.
    """

    recipe: Recipe
    archive: str
    netmap_package: str = ""

    kind = Manifest
    in_tree = True

    @property
    def title(self) -> str:
        """The name and the version."""
        return f"tcpreplay {self.recipe.version}"

    @property
    def compiler(self) -> str:
        """The compiler of the recipe."""
        return self.recipe.compiler

    def check_prerequisites(self, tools: Tools) -> None:
        """Check that the build can run on the recipe's system, and the sources."""
        system = this_system(tools.root)
        if system != self.recipe.system:
            rule = f"is {system}, but the build is for {self.recipe.system} and uses the libraries of its host"
            raise HostError("build host", None, rule, "Use a build host of the same release and machine.")
        check_sha256("file", self.archive, self.recipe.sha256)
        self._headers()

    def configure(self, workspace: Workspace) -> None:
        """Write netmap's headers, run configure, and check that it found them."""
        recipe, netmap = self.recipe, workspace.folder / "netmap"
        headers = self._headers()
        (netmap / "net").mkdir(parents=True)
        for name, content in headers.items():
            (netmap / "net" / name).write_bytes(content)
        with_netmap = f"--with-netmap={netmap}" if recipe.netmap else "--without-netmap"
        options = (f"--prefix={recipe.place}", f"CC={recipe.compiler}", with_netmap, WITHOUT_LIBDNET, *recipe.options)
        output = workspace.step("configure", ("./configure", *options))
        if recipe.netmap:
            check_netmap(output, str(netmap), str(workspace.log("configure")))

    def install_options(self, workspace: Workspace) -> tuple[str, ...]:
        """Install below the stage."""
        return (f"DESTDIR={workspace.stage}",)

    def collect(self, workspace: Workspace) -> tuple[Manifest, Mapping[str, bytes]]:
        """Check that the new tcpreplay runs, and read its files."""
        recipe, run = self.recipe, workspace.tools.run
        installed = workspace.stage / recipe.place.relative_to("/")
        check_runs(recipe, installed, run)
        files = (path for path in installed.rglob("*") if path.is_file())
        contents = {str(path.relative_to(installed)): path.read_bytes() for path in files}
        headers = self._headers()
        built_with = {
            "compiler": run((recipe.compiler, "--version")).stdout.partition("\n")[0],
            "libc": os.confstr("CS_GNU_LIBC_VERSION") or "unknown",
            "netmap_headers": sha256(b"".join(headers[name] for name in sorted(headers))) if recipe.netmap else "",
        }
        digests = {name: sha256(content) for name, content in contents.items()}
        return Manifest(recipe.key, digests, recipe, built_with), contents

    def _headers(self) -> dict[str, bytes]:
        """netmap's headers by name, from its package, which must be of the recipe's commit; none without netmap."""
        commit = self.recipe.netmap
        if not commit:
            return {}
        manifest, contents = unpack(self.netmap_package, NetmapManifest)
        if manifest.commit != commit:
            hint = "Build that commit by the role netmap."
            rule = f"is of commit {manifest.commit}, not of {commit}"
            raise InputError("netmap package", self.netmap_package, rule, hint)
        return {Path(name).name: content for name, content in contents.items() if name.startswith(HEADERS)}


def check_netmap(output: str, expected: str, log: str = "configure.log") -> None:
    """Raise ``HostError`` unless the summary in configure's ``output`` says that it uses netmap from ``expected``.

    configure also ends well without netmap, and looks in other folders as well (tcpreplay configure.ac). ``log`` is
    the file with its output.
    """
    summaries = _SUMMARY.findall(output)
    summary = summaries[-1] if summaries else "nothing"
    if summary.split() != ["yes", expected]:
        rule = f"reports {summary!r} for netmap, not 'yes {expected}'"
        raise HostError("configure of tcpreplay", None, rule, f"Read its output, {log} on the build host.")

"""Build netmap for one kernel."""

from __future__ import annotations

import os
import shutil
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...errors import HostError, InputError
from ..archive import check_sha256, sha256
from ..build import Product, Tools, Workspace, first_compile_error, make_stop
from .configure import NOT_DOWNLOADED, configure_argv, first_complaint, native_drivers, not_downloaded
from .kernel_sources import check_kernel_sources
from .recipe import OWN_FOLDER, Manifest, Recipe, module_names
from .signing import check_signing, sign

MODULE_FOLDER = "updates/netmap"
"""The modules' folder below /lib/modules/<release>; depmod prefers `updates` to the kernel's own (Debian and EL)."""

HEADERS = ("lib/modules/{}/build", "usr/src/kernels/{}")
"""Below the root folder. The second is EL's: there the first is a link to it, which the kernel's package brings."""

CONFIGURE_LOG = "config.log"
"""configure's own log, in the folder that it runs in."""

ANOTHER_ROUTE = (
    "Give other sources of the driver, choose another netmap_native_route, or none: the adapter is emulated then."
)


@dataclass(frozen=True)
class NetmapBuild(Product[Manifest]):
    """A build of ``recipe`` from ``archive``, which `git archive` made of that commit."""

    recipe: Recipe
    archive: str

    kind = Manifest
    programs = ("make", "patch", "tar")
    compiler = "cc"
    title = "netmap"

    def check_prerequisites(self, tools: Tools) -> None:
        """Check the headers, the programs, the key pair, the kernel's sources, and the archives."""
        kernel_folder = headers_of(self.recipe.kernel)
        zipped = [archive.path for archive in self.recipe.archives if archive.path.endswith(".zip")]
        if zipped and shutil.which("unzip") is None:
            hint = f"Install the package unzip there; it unpacks {zipped[0]}."
            raise HostError("program", "unzip", "is not on the build host", hint)
        if self.recipe.signing:
            check_signing(self.recipe.signing, kernel_folder)
        if self.recipe.kernel_sources:
            check_kernel_sources(self.recipe.kernel_sources, self.recipe.kernel, kernel_folder)
        for archive in self.recipe.archives:
            if not os.path.isfile(archive.path):
                hint = f"Put the source of {archive.driver} there, or correct the path."
                raise InputError("netmap_driver_archives", archive.path, "is not a file on the build host", hint)
            check_sha256("netmap_driver_archives", archive.path, archive.sha256)
        _check_commit(self.archive, self.recipe.commit)

    def configure(self, workspace: Workspace) -> None:
        """Put the drivers' sources into the tree, prevent downloads, and run configure."""
        self._place_archives(workspace.source)
        _replace_download_programs(workspace.programs)
        self._unpack_kernel_sources(workspace)
        status = workspace.attempt("configure", self._configure_argv(workspace))
        # With a full disk configure would conclude that the kernel lacks something, and end well.
        workspace.require_space("configure")
        output = workspace.output("configure")
        if status != 0:
            self._check_archives(output)
            raise HostError("configure of netmap", None, f"failed: {self._complaint(workspace)}", ANOTHER_ROUTE)
        missing = sorted(set(self.recipe.drivers) - set(native_drivers(output)))
        if missing:
            rule = f"left out {', '.join(missing)}: {self._complaint(workspace)}"
            raise HostError("configure of netmap", None, rule, ANOTHER_ROUTE)

    def install_options(self, workspace: Workspace) -> tuple[str, ...]:
        """Without debug information, which makes the modules twenty times as large."""
        return ("INSTALL_MOD_STRIP=1",)

    def collect(self, workspace: Workspace) -> tuple[Manifest, Mapping[str, bytes]]:
        """Sign the modules, and read them and the headers."""
        recipe, stage = self.recipe, workspace.stage
        if recipe.signing:
            # Last: any change of a module invalidates its signature.
            sign(sorted(stage.rglob("*.ko")), recipe.signing, headers_of(recipe.kernel), workspace.tools.run)
        modules = f"lib/modules/{recipe.kernel}/{MODULE_FOLDER}"
        contents = {f"{modules}/{path.name}": path.read_bytes() for path in stage.rglob("*.ko")}
        for folder in ("usr/local/include", "usr/local/lib"):
            files = (path for path in (stage / folder).rglob("*") if path.is_file())
            contents.update({str(path.relative_to(stage)): path.read_bytes() for path in files})
        for module in recipe.modules:
            _check_module(module, contents.get(f"{modules}/{module}.ko"), recipe.kernel, workspace.log("make"))
        manifest = Manifest(
            key=recipe.key,
            files={name: sha256(content) for name, content in contents.items()},
            commit=recipe.commit,
            kernel=recipe.kernel,
            modules=recipe.modules,
            native_drivers=native_drivers(workspace.output("configure")),
            configure=tuple(word for word in self._configure_argv(workspace)[1:] if str(workspace.folder) not in word),
            kernel_sources=recipe.kernel_sources.sha256 if recipe.kernel_sources else "",
        )
        return manifest, contents

    def _configure_argv(self, workspace: Workspace) -> tuple[str, ...]:
        sources = self.recipe.kernel_sources.path if self.recipe.kernel_sources else None
        if sources and os.path.isfile(sources):
            sources = str(_kernel_tree(workspace))
        configure = str(workspace.source / "configure")
        return configure_argv(self.recipe, configure, headers_of(self.recipe.kernel), str(workspace.stage), sources)

    def _unpack_kernel_sources(self, workspace: Workspace) -> None:
        """Unpack the kernel's own drivers when their source is an archive."""
        archive = self.recipe.kernel_sources.path if self.recipe.kernel_sources else None
        if archive and os.path.isfile(archive):
            tree = _kernel_tree(workspace)
            tree.mkdir()
            unpack = ("tar", "--extract", "--file", archive, f"--directory={tree}", "--strip-components=1")
            workspace.step("unpack-kernel-drivers", (*unpack, "--wildcards", "*/drivers/net/*"))

    def _place_archives(self, tree: Path) -> None:
        """Put the drivers' sources where configure looks before it downloads."""
        for archive in self.recipe.archives:
            place = tree / "LINUX/ext-drivers" / (archive.driver if archive.driver in OWN_FOLDER else "")
            place.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(archive.path, place / os.path.basename(archive.path))

    def _check_archives(self, output: str) -> None:
        """Raise ``InputError`` when configure looked for a driver's source that was not provided."""
        missing = not_downloaded(output)
        if missing:
            names = ", ".join(os.path.basename(archive.path) for archive in self.recipe.archives) or "none"
            rule = f"is the file that netmap needs; provided: {names}; nothing is downloaded without a sha256"
            hint = "Provide that file under this name, or set the version that you have in "
            raise InputError("netmap_driver_archives", missing, rule, f"{hint}netmap_select_versions.")

    def _complaint(self, workspace: Workspace) -> str:
        """Why configure left out a driver: the compiler's first error or its own words, and where the log is.

        Its own words do not say why a driver's makefile stopped; that is added.

        configure compiles an external driver before it patches it, and writes the compiler's output to a log of its
        own, among the intended errors of its many tests: only errors in the driver's files count. Its own words may
        name the copy of the sources instead.
        """
        log = workspace.build / CONFIGURE_LOG
        text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        for module in module_names(self.recipe.drivers):
            error = first_compile_error(text, module)
            if error:
                return f"{module} does not compile: {error} (log: {log} on the build host)"
        complaint = first_complaint(workspace.output("configure")).rstrip(".")
        stop = make_stop(text)
        complaint += f": {stop}" if stop else ""
        return f"{complaint} (log: {log if text else workspace.log('configure')} on the build host)"


def headers_of(kernel: str, root: str = "/") -> str:
    """The folder of the headers of ``kernel``; ``HostError`` when they are not on this host."""
    folders = [os.path.join(root, place.format(kernel)) for place in HEADERS]
    for folder in folders:
        if os.path.exists(os.path.join(folder, "Makefile")):
            return folder
    hint = f"Install linux-headers-{kernel} (Debian) or kernel-devel-{kernel} (EL) on the build host."
    raise HostError("headers of kernel", kernel, "are not on the build host", hint)


def _kernel_tree(workspace: Workspace) -> Path:
    return workspace.folder / "kernel"


def _check_commit(source: str, commit: str) -> None:
    """`git archive` stores the commit in the archive (gitarchive(1)); other tar files have none."""
    try:
        with tarfile.open(source) as archive:
            # To the end: a truncated archive contains its commit as well.
            archive.getmembers()
            found = archive.pax_headers.get("comment", "none")
    except FileNotFoundError:
        hint = "Put it there, made by `git archive` in a clone of netmap, or run playbooks/netmap.yml."
        raise InputError("netmap source", source, "does not exist", hint) from None
    except (OSError, tarfile.TarError, EOFError, zlib.error) as error:
        hint = "Remove it and run again, or make it by `git archive` in a clone of netmap."
        raise InputError("netmap source", source, f"is not a readable archive ({error})", hint) from error
    if found != commit:
        hint = f"Make it by `git archive --prefix=netmap/ -o {source} {commit}` in a clone of netmap."
        raise InputError("netmap source", source, f"is of commit {found}, not of {commit}", hint)


def _replace_download_programs(folder: Path) -> None:
    """Replace the programs that download by ones that refuse: netmap verifies no checksum of a download."""
    for name in ("curl", "git", "wget"):
        program = folder / name
        program.write_text(f'#!/bin/sh\necho "{NOT_DOWNLOADED}$*"\nexit 1\n', encoding="ascii")
        program.chmod(0o755)


def _check_module(module: str, content: bytes | None, kernel: str, log: Path) -> None:
    subject = "build of netmap"
    if content is None:
        raise HostError(subject, None, f"produced no {module}.ko", f"Read its output, {log} on the build host.")
    # .modinfo contains `vermagic=<release> ...`; a module of another kernel would fail only when it is loaded.
    if f"vermagic={kernel} ".encode() not in content:
        hint = f"Install the headers of {kernel} on the build host again."
        raise HostError(subject, None, f"produced a {module}.ko for another kernel than {kernel}", hint)

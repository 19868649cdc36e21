"""Build a source product in a folder of its own, and pack the result: unpack, configure, make, install, collect."""

from __future__ import annotations

import errno
import os
import re
import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

from ..errors import HostError
from ..system.lock import exclusive
from ..system.run import LoggedRunner, Runner
from .archive import SomeManifest, is_package_of, pack
from .build_folders import build_folder, name_prefix
from .paths import usable
from .recipe import Recipe

TAIL_LINES = 12
"""How many lines of a step's output its error shows."""

FULL_BELOW = 1 << 20
"""Bytes; with less free space a failed step is attributed to the full disk: its output may be incomplete as well."""

_COMPILE_ERROR = re.compile(r"^(?P<path>[^\s:]+)(?P<rest>:\d+(?::\d+)?: (?:fatal )?error: .*?)\s*$", re.MULTILINE)

_MAKE_STOP = re.compile(r"^([^\s:]+:\d+: \*\*\* .*?)\.?\s+Stop\.$", re.MULTILINE)


@dataclass(frozen=True)
class Tools:
    """Access to the system. ``work`` holds the build folders; ``jobs`` compilers run at once, 0 is one per CPU."""

    run: Runner
    logged: LoggedRunner
    work: str
    jobs: int = 0
    root: str = "/"


@dataclass(frozen=True)
class Workspace:
    """The folders of one build, all below ``folder``, and the steps that run in them.

    ``title`` is what errors call the product. ``in_tree`` builds where the source is.
    """

    folder: Path
    title: str
    tools: Tools
    in_tree: bool = False

    @property
    def source(self) -> Path:
        """The unpacked source."""
        return self.folder / "source"

    @property
    def build(self) -> Path:
        """The folder in which configure and make run."""
        return self.source if self.in_tree else self.folder / "build"

    @property
    def stage(self) -> Path:
        """What `make install` takes for the root folder."""
        return self.folder / "stage"

    @property
    def programs(self) -> Path:
        """Programs that replace those of the host during the build."""
        return self.folder / "programs"

    def create(self) -> None:
        """Create the folders."""
        for path in (self.source, self.build, self.stage, self.programs):
            path.mkdir(exist_ok=True)

    def step(self, name: str, argv: Sequence[str]) -> str:
        """Run one step of the build; its output.

        ``HostError`` when it fails, with the compiler's first error, or without one with the end of the output.
        """
        status = self.attempt(name, argv)
        output = self.output(name)
        if status != 0:
            self.require_space(name)
            ended = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
            error, place = first_compile_error(output), f"{self.log(name)} on the build host"
            tail = "\n".join(output.splitlines()[-TAIL_LINES:])
            rule = f"{ended}; the last lines of its output ({place}) are\n{tail}\n"
            if error:
                rule = f"{ended}; the compiler's first error is '{error}' (log: {place})"
            raise HostError(f"{name} of {self.title}", None, rule, "Fix the cause and run again.")
        return output

    def attempt(self, name: str, argv: Sequence[str]) -> int:
        """Run one step of the build; its exit status (negative: the signal that ended it)."""
        path = f"PATH={self.programs}:{os.environ.get('PATH', os.defpath)}"
        return self.tools.logged(["env", path, *argv], self.build, self.log(name))

    def output(self, name: str) -> str:
        """What the step ``name`` wrote to stdout and stderr."""
        return self.log(name).read_text(encoding="utf-8", errors="replace")

    def require_space(self, name: str) -> None:
        """``HostError`` when the step ``name`` ran out of space, whatever else it concluded from that."""
        full = os.strerror(errno.ENOSPC) in self.output(name)
        if full or shutil.disk_usage(self.folder).free < FULL_BELOW:
            work = self.tools.work
            hint = f"Free space in {work}, or build in another folder, and run again."
            raise DiskFullErrorError(f"{name} of {self.title}", None, f"failed because {work} is full", hint)

    def log(self, name: str) -> Path:
        """The file with what the step ``name`` wrote."""
        return self.folder / f"{name}.log"


class DiskFullErrorError(HostError):
    """A build ran out of space: its output is incomplete, and its folder takes up that space."""


def first_compile_error(output: str, word: str = "") -> str | None:
    """The compiler's first error in ``output``, as gcc and clang write it on one line; None without one.

    With a ``word``, such as the name of a driver, errors in files whose path lacks it do not count, and the path
    begins at its last occurrence.
    """
    begin = re.compile(rf"^.*(?<![a-z0-9])(?={re.escape(word)}(?![a-z0-9]))")
    for match in _COMPILE_ERROR.finditer(output):
        if not word or begin.match(match["path"]):
            return f"{begin.sub('', match['path']) if word else match['path']}{match['rest']}"
    return None


def make_stop(output: str) -> str | None:
    """Why a makefile stopped before any command failed, as GNU make writes it on one line; None without such a line."""
    match = _MAKE_STOP.search(output)
    return match[1] if match else None


class Product(ABC, Generic[SomeManifest]):
    """A source product to build: its recipe, its sources on this host, and the steps that are special to it.

    ``archive`` is the path of the source; the build needs ``programs`` and the compiler.
    ``in_tree`` builds where the source is.
    """

    kind: type[SomeManifest]
    recipe: Recipe
    archive: str
    programs: tuple[str, ...] = ("make", "tar")
    in_tree: bool = False

    @property
    @abstractmethod
    def title(self) -> str:
        """What errors call the product."""

    @property
    @abstractmethod
    def compiler(self) -> str:
        """The C compiler."""

    @abstractmethod
    def check_prerequisites(self, tools: Tools) -> None:
        """Raise ``InputError`` or ``HostError`` for what is missing on this host or wrong with the sources."""

    @abstractmethod
    def configure(self, workspace: Workspace) -> None:
        """Prepare the unpacked source, and run its configure as a step of that name."""

    @abstractmethod
    def collect(self, workspace: Workspace) -> tuple[SomeManifest, Mapping[str, bytes]]:
        """The manifest and the files of the package, from the stage; raises ``HostError`` when they are not right."""

    def install_options(self, workspace: Workspace) -> tuple[str, ...]:
        """Variables of `make install`."""
        return ()


def build(product: Product[SomeManifest], packages: str, tools: Tools, check: bool = False) -> tuple[str, bool]:
    """The path of the product's package in the folder ``packages``, and whether it had to be built.

    The package is written last and completely, so an interrupted build leaves none. A second build into the same
    folder waits for the first one and uses its package. Raises ``InputError`` for wrong sources, ``HostError`` when
    something is missing on this host or a step fails; the folder with its logs is kept then until the next build.
    """
    path = os.path.join(packages, product.recipe.package_name)
    if is_package_of(product.recipe.key, path, product.kind):
        return path, False
    if check:
        return path, True
    with usable(packages):
        _require_programs(product)
        product.check_prerequisites(tools)
        os.makedirs(packages, exist_ok=True)
        with exclusive(packages):
            if is_package_of(product.recipe.key, path, product.kind):
                return path, False
            with build_folder(tools.work, name_prefix(product.recipe.product)) as folder:
                try:
                    manifest, contents = _make(product, folder, tools)
                except BaseException as error:
                    if not isinstance(error, HostError) or isinstance(error, DiskFullErrorError):
                        shutil.rmtree(folder)
                    raise
                shutil.rmtree(folder)
            pack(path, manifest, contents)
    return path, True


def _require_programs(product: Product[SomeManifest]) -> None:
    for program in (product.compiler, *product.programs):
        if shutil.which(program) is None:
            hint = "Install build-essential (Debian) or the group Development Tools (EL) on the build host."
            raise HostError("program", program, "is not on the build host", hint)


def _make(product: Product[SomeManifest], folder: Path, tools: Tools) -> tuple[SomeManifest, Mapping[str, bytes]]:
    workspace = Workspace(folder, product.title, tools, product.in_tree)
    workspace.create()
    unpack = ("tar", "--extract", "--file", product.archive, f"--directory={workspace.source}")
    workspace.step("unpack", (*unpack, "--strip-components=1", "--no-same-owner"))
    product.configure(workspace)
    workspace.step("make", ("make", f"--jobs={tools.jobs or len(os.sched_getaffinity(0))}"))
    workspace.step("install", ("make", "install", *product.install_options(workspace)))
    return product.collect(workspace)

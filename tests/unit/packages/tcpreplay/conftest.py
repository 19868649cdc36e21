"""A build of tcpreplay, with real processes on a source archive of a few lines."""

from __future__ import annotations

import hashlib
import tarfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from linerate.packages.archive import sha256
from linerate.packages.netmap import package as netmap_package
from linerate.packages.tcpreplay.build import Sources, Tools, build
from linerate.packages.tcpreplay.package import Recipe, this_system
from linerate.system.run import run, run_logged

COMMIT = "89607e1406c1fa5ac2106bd2ff33417f090c0d60"
CONFIGURE = """#!/bin/sh
for word; do case $word in --prefix=*) prefix=${word#*=};; --with-netmap=*) netmap=${word#*=};; esac; done
for word; do test "${word#--with-netmap}" = "$word" && echo "$word"; done > configured
printf 'prefix = %s\\n' "$prefix" > config.mk
test -z "$netmap" || cat "$netmap/net/netmap.h" "$netmap/net/netmap_user.h" > headers || exit
echo "Linux/BSD netmap:           ${netmap:+yes $netmap}"
"""
MAKEFILE = """include config.mk
all:
\techo made >> made.log
\tcp said tcpreplay
install:
\ttest -f made.log
\tmkdir -p $(DESTDIR)$(prefix)/bin $(DESTDIR)$(prefix)/share
\tcp tcpreplay $(DESTDIR)$(prefix)/bin/tcpreplay
\tcp made.log configured $(DESTDIR)$(prefix)/share/
\tchmod 755 $(DESTDIR)$(prefix)/bin/tcpreplay
"""
SAID = """#!/bin/sh
echo 'tcpreplay version: 4.4.2 (build git:v4.4.2)'
echo 'Default injection method: PF_PACKET send()'
echo 'Optional injection method: netmap'
"""


def tarball(path: Path, **replaced: str) -> tuple[str, str]:
    """An archive like a release's, and its sha256."""
    files = {"configure": CONFIGURE, "Makefile": MAKEFILE, "said": SAID, **replaced}
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"tcpreplay-4.4.2/{name}")
            entry.size, entry.mode = len(text), 0o755
            archive.addfile(entry, BytesIO(text.encode()))
    return str(path), hashlib.sha256(path.read_bytes()).hexdigest()


class Bench:
    """A recipe, what it is built from, where, and how."""

    def __init__(self, folder: Path, **replaced: str) -> None:
        archive, sha256 = tarball(folder / "tcpreplay-4.4.2.tar.gz", **replaced)
        self.sources = Sources(archive)
        self.recipe = Recipe("4.4.2", sha256, str(folder / "prefix"), this_system())
        self.packages, self.work = folder / "packages", folder / "work"
        self.work.mkdir()
        self.tools = Tools(run, run_logged, str(self.work))

    def build(self, check: bool = False) -> tuple[str, bool]:
        return build(self.recipe, self.sources, str(self.packages), self.tools, check)

    def package(self) -> str:
        return self.build()[0]

    def wants(self, **changed: object) -> None:
        self.recipe = replace(self.recipe, **changed)

    @property
    def left_over(self) -> set[str]:
        """What is in the folder to build in, and in that of packages beside whole ones."""
        found = [*self.work.iterdir(), *self.packages.glob(".*")]
        return {path.name for path in found}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def netmap(tmp_path: Path) -> str:
    """A package of netmap, of which tcpreplay takes the headers."""
    contents = {f"usr/local/include/net/{name}": f"/* {name} */\n".encode() for name in ("netmap.h", "netmap_user.h")}
    contents["lib/modules/6.1/updates/netmap/netmap.ko"] = b"module"
    files = {name: sha256(content) for name, content in contents.items()}
    path = str(tmp_path / "netmap.tar.gz")
    netmap_package.pack(path, netmap_package.Manifest("0" * 16, COMMIT, "6.1", ("netmap",), (), (), files), contents)
    return path

"""Builds with real processes, on source archives of a few lines."""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
from abc import ABC, abstractmethod
from dataclasses import replace
from io import BytesIO
from pathlib import Path

from linerate.packages.archive import pack, sha256
from linerate.packages.build import Product, Tools, build
from linerate.packages.netmap.build import NetmapBuild
from linerate.packages.netmap.recipe import Manifest, Recipe
from linerate.packages.tcpreplay.build import TcpreplayBuild
from linerate.packages.tcpreplay.recipe import Recipe as TcpreplayRecipe
from linerate.packages.tcpreplay.recipe import this_system
from linerate.system.run import run, run_logged

COMMIT = "89607e1406c1fa5ac2106bd2ff33417f090c0d60"
KERNEL = "6.1.0-56-amd64"

NETMAP_CONFIGURE = r"""#!/bin/sh
for option; do case $option in
    --install-mod-path=*) stage=${{option#*=}};; --kernel-sources=*) sources=${{option#*=}};;
esac; done
cat > Makefile <<END
all:
	{make}
install:
	{install}
	mkdir -p $stage/lib/modules/{kernel}/extra $stage/usr/local/include/net
	printf 'vermagic={vermagic} SMP' > $stage/lib/modules/{kernel}/extra/netmap.ko
	echo api > $stage/usr/local/include/net/netmap.h
END
{fetch}
echo "native drivers              {drivers}"
exit {status}
"""

TCPREPLAY_CONFIGURE = """#!/bin/sh
for word; do case $word in --prefix=*) prefix=${word#*=};; --with-netmap=*) netmap=${word#*=};; esac; done
for word; do test "${word#--with-netmap}" = "$word" && echo "$word"; done > configured
printf 'prefix = %s\\n' "$prefix" > config.mk
test -z "$netmap" || cat "$netmap/net/netmap.h" "$netmap/net/netmap_user.h" > headers || exit
echo "Linux/BSD netmap:           ${netmap:+yes $netmap}"
"""
MAKEFILE = """include config.mk
all:
\techo made >> made.log
\tcp version tcpreplay
install:
\ttest -f made.log
\tmkdir -p $(DESTDIR)$(prefix)/bin $(DESTDIR)$(prefix)/share
\tcp tcpreplay $(DESTDIR)$(prefix)/bin/tcpreplay
\tcp made.log configured $(DESTDIR)$(prefix)/share/
\tchmod 755 $(DESTDIR)$(prefix)/bin/tcpreplay
"""
VERSION = """#!/bin/sh
echo 'tcpreplay version: 4.4.2 (build git:v4.4.2)'
echo 'Default injection method: PF_PACKET send()'
echo 'Optional injection method: netmap'
"""


def kernel_headers(folder: Path, sublevel: int = 192) -> Path:
    """The headers of a kernel 6.1, as far as the core reads them."""
    header = folder / "include/generated/uapi/linux/version.h"
    header.parent.mkdir(parents=True)
    code = 6 << 16 | 1 << 8 | min(sublevel, 255)
    header.write_text(f"#define LINUX_VERSION_CODE {code}\n#define LINUX_VERSION_SUBLEVEL {sublevel}\n")
    return folder


def kernel_tree(folder: Path, *drivers: str, version: str = "6.1.192", build: str = "") -> Path:
    """The sources of a kernel with these drivers; with the number of the ``build`` as EL's have it."""
    for driver in drivers:
        (folder / "drivers/net" / driver).mkdir(parents=True)
        (folder / "drivers/net" / driver / f"{driver}_main.c").write_text("a driver")
    folder.mkdir(exist_ok=True)
    numbers = zip(("VERSION", "PATCHLEVEL", "SUBLEVEL"), version.split("."))
    (folder / "Makefile").write_text("".join(f"{name} = {number}\n" for name, number in numbers) + "EXTRAVERSION =\n")
    if build:
        (folder / "Makefile.rhelver").write_text(f"RHEL_MAJOR = 9\nRHEL_RELEASE = {build}\n")
    return folder


class Bench(ABC):
    """A product, the folders that it is built with, and the tools."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.packages, self.work = folder / "packages", folder / "work"
        self.work.mkdir()
        self.tools = Tools(run, run_logged, str(self.work), 1)

    @property
    @abstractmethod
    def product(self) -> Product:
        """What is built."""

    @abstractmethod
    def commands(self, make: str = "true", install: str = "true") -> None:
        """Make a source whose `make` and `make install` run these commands first."""

    @abstractmethod
    def lose_source(self) -> None:
        """Name a source archive that does not exist."""

    def build(self, check: bool = False, packages: Path | None = None) -> tuple[str, bool]:
        return build(self.product, str(packages or self.packages), self.tools, check)

    def package(self) -> str:
        return self.build()[0]

    @property
    def remainders(self) -> set[str]:
        """What is in the folder to build in, and in that of packages in addition to complete ones."""
        found = [*self.work.iterdir(), *self.packages.glob(".*")]
        return {path.name for path in found}


class NetmapBench(Bench):
    """netmap from a git repository of one commit."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.tree = folder / "tree"
        self.tree.mkdir()
        self.archive = str(folder / "netmap.tar.gz")
        self.options: dict[str, object] = {}
        self.release()

    @property
    def product(self) -> NetmapBuild:
        return NetmapBuild(Recipe(self.commit, KERNEL, **self.options), self.archive)

    def commands(self, make: str = "true", install: str = "true") -> None:
        self.release(make=make.replace("$", "\\$"), install=install)

    def lose_source(self) -> None:
        self.archive = "/nowhere/netmap.tar.gz"

    def git(self, *words: str) -> str:
        settings = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        done = subprocess.run(["git", *settings, *words], cwd=self.tree, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def release(self, **changed: object) -> None:
        """Make the source again, with changes of its configure."""
        values = {"make": "true", "install": "true", "vermagic": KERNEL, "drivers": "", "status": 0, "fetch": ""}
        configure = self.tree / "configure"
        configure.write_text(NETMAP_CONFIGURE.format(kernel=KERNEL, **{**values, **changed}))
        configure.chmod(0o755)
        self.git("init", "--quiet")
        self.git("add", ".")
        self.git("commit", "--quiet", "--allow-empty", "-m", "release")
        self.commit = self.git("rev-parse", "HEAD")
        self.git("archive", "--prefix=netmap/", "-o", self.archive, "HEAD")

    def build_with(self, **options: object) -> tuple[str, bool]:
        """Build with these options of the recipe."""
        self.options = options
        try:
            return self.build()
        finally:
            self.options = {}


class TcpreplayBench(Bench):
    """tcpreplay from a release tarball."""

    def __init__(self, folder: Path, **replaced: str) -> None:
        super().__init__(folder)
        self.recipe = TcpreplayRecipe("4.4.2", "0" * 64, str(folder / "prefix"), this_system())
        self.netmap_package = ""
        self.release(**replaced)

    @property
    def product(self) -> TcpreplayBuild:
        return TcpreplayBuild(self.recipe, self.archive, self.netmap_package)

    def commands(self, make: str = "true", install: str = "true") -> None:
        makefile = MAKEFILE.replace("all:\n", f"all:\n\t{make}\n").replace("install:\n", f"install:\n\t{install}\n")
        self.release(Makefile=makefile)

    def lose_source(self) -> None:
        self.archive = "/nowhere/tcpreplay.tar.gz"

    def release(self, **replaced: str) -> None:
        """Make the source again, with other content of some files."""
        path = self.folder / "tcpreplay-4.4.2.tar.gz"
        files = {"configure": TCPREPLAY_CONFIGURE, "Makefile": MAKEFILE, "version": VERSION, **replaced}
        with tarfile.open(path, "w:gz") as archive:
            for name, text in files.items():
                entry = tarfile.TarInfo(f"tcpreplay-4.4.2/{name}")
                entry.size, entry.mode = len(text), 0o755
                archive.addfile(entry, BytesIO(text.encode()))
        self.archive = str(path)
        self.change(sha256=hashlib.sha256(path.read_bytes()).hexdigest())

    def change(self, **values: object) -> None:
        """Change values of the recipe."""
        self.recipe = replace(self.recipe, **values)


def netmap_package(path: Path, kernel: str = KERNEL, **modules: bytes) -> str:
    """A package of netmap with these modules and its headers, at ``path`` or below that folder."""
    recipe = Recipe(COMMIT, kernel)
    contents = {f"lib/modules/{kernel}/updates/netmap/{name}.ko": content for name, content in modules.items()}
    contents["usr/local/include/net/netmap.h"] = b"#define\tNETMAP_API\t14\t\t/* current API version */\n"
    contents["usr/local/include/net/netmap_user.h"] = b"/* netmap_user.h */\n"
    digests = {name: sha256(content) for name, content in contents.items()}
    manifest = Manifest(recipe.key, digests, COMMIT, kernel, tuple(modules), (), ("--no-drivers",))
    package = path / recipe.package_name if path.is_dir() else path
    pack(str(package), manifest, contents)
    return str(package)

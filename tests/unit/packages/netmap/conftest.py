"""A host that netmap is installed on, simulated as far as the core reads it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
from tests.unit.packages.bench import KERNEL, netmap_package

from linerate.system.run import Completed


class Host:
    """Answers like modinfo, depmod, modprobe and dmesg; depmod finds the files in the folder updates."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ran: list[str] = []
        self.depends: dict[str, str] = {}
        self.messages = ""
        self.index: set[str] = set()
        self.refuses: dict[str, str] = {}
        self.put("proc/sys/kernel/osrelease", f"{KERNEL}\n")

    def put(self, path: str, content: str | bytes) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)

    def run(self, argv: Sequence[str]) -> Completed:
        words = " ".join(argv)
        if argv[0] == "modinfo":
            return Completed(tuple(argv), 0, self.modinfo(argv), "")
        if argv[0] == "dmesg":
            return Completed(tuple(argv), 0, self.messages, "")
        self.ran.append(words)
        if words in self.refuses:
            return Completed(tuple(argv), 1, "", self.refuses[words])
        if argv[0] == "depmod":
            self.index = {path.stem for path in self.updates.glob("*.ko")}
        if words == "modprobe -r netmap":
            (self.root / "sys/module/netmap/notes/.note.gnu.build-id").unlink()
        elif argv[:2] == ["modprobe", "netmap"]:
            self.loaded((self.updates / "netmap.ko").read_bytes(), **dict(pair.split("=") for pair in argv[2:]))
        return Completed(tuple(argv), 0, "", "")

    @property
    def updates(self) -> Path:
        return self.root / f"lib/modules/{KERNEL}/updates/netmap"

    def modinfo(self, argv: Sequence[str]) -> str:
        if "-n" in argv:
            path = f"/lib/modules/{KERNEL}/updates/netmap/{argv[-1]}.ko"
            return f"{path}\n" if argv[-1] in self.index else f"/lib/modules/{KERNEL}/kernel/{argv[-1]}.ko\n"
        if "-p" in argv:
            return "admode:adapter mode (int)\nbuf_num:number of buffers (int)\n" if argv[-1] in self.index else ""
        return self.depends.get(argv[-1], "") + "\n"

    def loaded(self, note: bytes, **parameters: str) -> None:
        self.put("sys/module/netmap/notes/.note.gnu.build-id", note)
        for name, value in {"admode": "0", "buf_num": "163840", **parameters}.items():
            self.put(f"sys/module/netmap/parameters/{name}", f"{value}\n")

    def interface(self, name: str, driver: str | None) -> None:
        device = self.root / "sys/class/net" / name / "device/driver"
        device.mkdir(parents=True)
        if driver:
            (self.root / "sys/module" / driver).mkdir(parents=True, exist_ok=True)
            (device / "module").symlink_to(self.root / "sys/module" / driver)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "root")


@pytest.fixture
def package(tmp_path: Path):
    """A function that packs modules (content by name) for a kernel."""
    return partial(netmap_package, tmp_path)

"""A disk with only GRUB on it, which boots the kernel /vmlinuz of another disk's file system.

A guest started with QEMU's -kernel boots that kernel after every reboot, whatever is installed in it. With a boot
loader it boots the kernel that its package manager has linked, like a bare-metal host. The loader has a disk of its
own because the guest's disk is a bare file system, created without partitions and loop devices.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from ..errors import HostError
from ..system.files import write_whole
from ..system.run import Runner

GRUB = Path("/usr/lib/grub/i386-pc")
"""From the package grub-pc-bin."""

MODULES = ("biosdisk", "ext2", "linux", "serial", "terminal")

DISK_BYTES = 8 << 20
"""A BIOS does not read a disk smaller than one cylinder: 255 heads of 63 sectors."""

# GRUB prints errors to the kernel's console. The boot disk is the BIOS's first disk.
CONFIGURATION = """\
serial --unit=0 --speed=115200
terminal_output serial
set root=hd1
linux /vmlinuz {arguments}
initrd /initrd.img
boot
"""


def write_boot_disk(path: Path, arguments: str, run: Runner) -> None:
    """Write a raw disk that boots /vmlinuz with /initrd.img of the second disk; ``arguments`` are the kernel's.

    Raises HostError where grub-mkimage fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        configuration, core = Path(folder, "grub.cfg"), Path(folder, "core.img")
        configuration.write_text(CONFIGURATION.format(arguments=arguments), encoding="utf-8")
        argv = ["grub-mkimage", "--format=i386-pc", f"--directory={GRUB}", "--prefix=/"]
        done = run([*argv, f"--config={configuration}", f"--output={core}", *MODULES])
        if done.returncode != 0:
            hint = "Install the package grub-pc-bin, or fix the error that it reports."
            raise HostError("command", done.argv[0], f"exited with {done.returncode}: {done.stderr.strip()}", hint)
        # boot.img is the first sector; it loads the core, which follows it.
        disk = (GRUB / "boot.img").read_bytes() + core.read_bytes()
    write_whole(path, disk.ljust(DISK_BYTES, b"\0"))

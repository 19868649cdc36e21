"""Files for removed kernels are removed; files of others are kept."""

from __future__ import annotations

from linerate.packages.netmap.install import install, installed_manifest

GONE, OTHER = "6.1.0-47-amd64", "6.1.0-50-amd64"
KERNEL = "6.1.0-56-amd64"
KEY = "0123456789abcdef"


def leave(host, kernel: str) -> list[str]:
    """Put the files of an installation for a kernel on the host."""
    names = [
        f"lib/modules/{kernel}/updates/netmap/netmap.ko",
        f"var/lib/linerate/netmap/{kernel}.json",
        f"var/lib/linerate/packages/netmap-89607e1406c1-{kernel}-{KEY}.tar.gz",
    ]
    for name in names:
        host.put(name, "x")
    return names


def test_files_for_a_removed_kernel_are_removed(host, package):
    path = package(netmap=b"one")
    install(path, host.run, root=str(host.root))
    names = leave(host, GONE)
    predicted = install(path, host.run, check=True, root=str(host.root)).steps
    assert predicted == tuple(f"remove /{name}" for name in names)
    assert all((host.root / name).exists() for name in names)
    assert install(path, host.run, root=str(host.root)).steps == predicted
    assert not (host.root / f"lib/modules/{GONE}").exists()
    assert not any((host.root / name).exists() for name in names)
    assert install(path, host.run, root=str(host.root)).steps == ()
    assert installed_manifest(KERNEL, str(host.root))


def test_other_kernels_of_the_host_and_other_modules_of_a_removed_one_are_kept(host, package):
    names = leave(host, OTHER)
    host.put(f"lib/modules/{OTHER}/kernel/fs/ext4.ko", "the kernel's own")
    leave(host, GONE)
    host.put(f"lib/modules/{GONE}/updates/dkms/wireguard.ko", "somebody else's")
    install(package(netmap=b"one"), host.run, root=str(host.root))
    assert all((host.root / name).exists() for name in names)
    assert [path.name for path in (host.root / f"lib/modules/{GONE}").rglob("*.ko")] == ["wireguard.ko"]

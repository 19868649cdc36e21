"""Installing and loading netmap on a simulated host; tests/vm installs real modules."""

from __future__ import annotations

from pathlib import Path

import pytest

from linerate.errors import HostError, InputError
from linerate.netmap.module import is_current, read_parameters
from linerate.packages.netmap.install import api_version, install, installed_manifest
from linerate.packages.netmap.load import load

KERNEL = "6.1.0-56-amd64"


def test_a_package_is_installed_once(host, package):
    path = package(netmap=b"one")
    steps = install(path, host.run, root=str(host.root)).steps
    assert steps[0] == f"write /lib/modules/{KERNEL}/updates/netmap/netmap.ko"
    assert steps[-1] == f"depmod -a {KERNEL}"
    assert (host.updates / "netmap.ko").read_bytes() == b"one"
    assert installed_manifest(KERNEL, str(host.root)).modules == ("netmap",)
    assert install(path, host.run, root=str(host.root)).steps == ()


def test_check_mode_changes_nothing(host, package):
    assert install(package(netmap=b"one"), host.run, check=True, root=str(host.root)).steps
    assert host.ran == []
    assert installed_manifest(KERNEL, str(host.root)) is None


def test_files_of_an_earlier_package_are_removed(host, package):
    install(package(netmap=b"one", e1000=b"native"), host.run, root=str(host.root))
    install(package(netmap=b"one"), host.run, root=str(host.root))
    assert [path.name for path in host.updates.iterdir()] == ["netmap.ko"]


def test_a_damaged_file_is_installed_again(host, package):
    path = package(netmap=b"one")
    install(path, host.run, root=str(host.root))
    (host.updates / "netmap.ko").write_bytes(b"truncated")
    assert install(path, host.run, root=str(host.root)).steps
    assert (host.updates / "netmap.ko").read_bytes() == b"one"


def test_an_interrupted_installation_does_not_count(host, package):
    path = package(netmap=b"one")
    host.refuses[f"depmod -a {KERNEL}"] = "disk full"
    with pytest.raises(HostError, match="disk full"):
        install(path, host.run, root=str(host.root))
    assert installed_manifest(KERNEL, str(host.root)) is None
    host.refuses = {}
    assert install(path, host.run, root=str(host.root)).steps == (f"depmod -a {KERNEL}",)


def test_a_package_for_another_kernel_is_refused(host, package):
    with pytest.raises(InputError, match=r"is for kernel 5\.14\.0, not for kernel 6\.1\.0-56-amd64"):
        install(package(kernel="5.14.0", netmap=b"one"), host.run, root=str(host.root))


def test_a_truncated_package_is_refused(host, package):
    path = Path(package(netmap=b"one"))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="cannot be read"):
        install(str(path), host.run, root=str(host.root))


def test_selinux_labels_are_set_when_selinux_is_enabled(host, package):
    host.put("sys/fs/selinux/enforce", "1")
    install(package(netmap=b"one"), host.run, root=str(host.root))
    assert host.ran == [f"restorecon -R /lib/modules/{KERNEL}", f"depmod -a {KERNEL}"]


def test_netmap_is_loaded_once_by_name_with_its_parameters(host, package):
    install(package(netmap=b"one"), host.run, root=str(host.root))
    assert load({"buf_num": "16384"}, host.run, root=str(host.root)) == ("modprobe netmap buf_num=16384",)
    assert read_parameters(str(host.root))["buf_num"] == "16384"
    assert is_current(host.run, str(host.root))
    assert load({"buf_num": "16384"}, host.run, root=str(host.root)) == ()


def test_an_unknown_parameter_is_named_before_anything_is_loaded(host, package):
    install(package(netmap=b"one"), host.run, root=str(host.root))
    host.ran.clear()
    with pytest.raises(InputError, match=r"netmap_module_options 'bufnum': .* Use one of admode, buf_num\."):
        load({"bufnum": "1"}, host.run, root=str(host.root))
    assert host.ran == []


def test_the_version_of_the_api_is_that_of_the_installed_headers(host, package):
    installed = install(package(netmap=b"one"), host.run, root=str(host.root))
    assert api_version(installed.manifest, str(host.root)) == 14


def test_a_parameter_is_set_in_place(host, package):
    install(package(netmap=b"one"), host.run, root=str(host.root))
    load({}, host.run, root=str(host.root))
    assert load({"admode": "1"}, host.run, check=True, root=str(host.root))
    assert read_parameters(str(host.root))["admode"] == "0"
    steps = load({"admode": "1"}, host.run, root=str(host.root))
    assert steps == ("write /sys/module/netmap/parameters/admode: 1",)
    assert read_parameters(str(host.root))["admode"] == "1"


def test_a_module_of_an_earlier_build_is_unloaded_first(host, package):
    install(package(netmap=b"new build"), host.run, root=str(host.root))
    host.loaded(b"old build")
    assert not is_current(host.run, str(host.root))
    assert load({}, host.run, root=str(host.root)) == ("modprobe -r netmap", "modprobe netmap")
    assert is_current(host.run, str(host.root))


def test_a_module_in_use_is_not_unloaded_by_force(host, package):
    install(package(netmap=b"new build"), host.run, root=str(host.root))
    host.loaded(b"old build")
    host.refuses["modprobe -r netmap"] = "modprobe: FATAL: Module netmap is in use."
    with pytest.raises(HostError, match="Module netmap is in use"):
        load({}, host.run, root=str(host.root))


def holds(host, process: str) -> None:
    """A process that has netmap open."""
    host.put("proc/123/comm", f"{process}\n")
    (host.root / "proc/123/fd").mkdir()
    (host.root / "proc/123/fd/4").symlink_to("/dev/netmap")


def test_a_process_that_uses_an_earlier_build_is_an_error_before_anything_is_changed(host, package):
    host.loaded(b"old build")
    holds(host, "tcpreplay")
    with pytest.raises(HostError, match=r"another build, in use by process tcpreplay \(123\)\. End the process"):
        install(package(netmap=b"new build"), host.run, root=str(host.root))
    assert not host.updates.exists()
    with pytest.raises(HostError, match=r"process tcpreplay \(123\)"):
        load({}, host.run, root=str(host.root))
    assert host.ran == []


def test_a_process_that_uses_the_requested_build_is_no_obstacle(host, package):
    path = package(netmap=b"one")
    install(path, host.run, root=str(host.root))
    host.loaded(b"one")
    holds(host, "tcpreplay")
    assert install(path, host.run, root=str(host.root)).steps == ()
    assert load({}, host.run, root=str(host.root)) == ()


def test_a_patched_driver_that_the_package_lacks_is_an_error_before_anything_is_changed(host, package):
    host.loaded(b"old build")
    (host.root / "sys/module/netmap/holders/e1000").mkdir(parents=True)
    with pytest.raises(HostError, match=r"in use by driver e1000\. Run playbooks/restore\.yml first"):
        install(package(netmap=b"new build"), host.run, root=str(host.root))
    assert not host.updates.exists()
    # A package with that driver can be installed: the driver is replaced before netmap is loaded.
    install(package(netmap=b"new build", e1000=b"patched"), host.run, root=str(host.root))


def test_an_unknown_user_is_found_by_the_reference_count(host, package):
    install(package(netmap=b"new build"), host.run, root=str(host.root))
    host.loaded(b"old build")
    host.put("sys/module/netmap/refcnt", "2\n")
    with pytest.raises(HostError, match=r"in use by an unknown user \(reference count 2\)"):
        load({}, host.run, root=str(host.root))


def test_a_rejection_by_secure_boot_has_a_hint(host, package):
    install(package(netmap=b"one"), host.run, root=str(host.root))
    host.refuses["modprobe netmap"] = "modprobe: ERROR: could not insert 'netmap': Key was rejected by service"
    with pytest.raises(HostError, match=r"Secure Boot requires.*mokutil --import"):
        load({}, host.run, root=str(host.root))

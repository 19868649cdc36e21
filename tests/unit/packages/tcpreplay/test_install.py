"""The installation of tcpreplay: complete, after a test run, and repeated when a file differs."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.packages.bench import VERSION, TcpreplayBench

from linerate.errors import HostError, InputError
from linerate.packages.archive import pack, sha256, unpack
from linerate.packages.tcpreplay.install import STAMP, executable, install
from linerate.packages.tcpreplay.recipe import Manifest
from linerate.system.run import run


def remainders(bench: TcpreplayBench) -> list[Path]:
    return list(Path(bench.recipe.prefix).glob(".*"))


def test_a_package_is_installed_once(tcpreplay):
    package, place = tcpreplay.package(), tcpreplay.recipe.place
    predicted = install(package, run, check=True)
    assert predicted.steps == (f"install {place}: it contains no finished installation",)
    assert not place.exists()
    first = install(package, run)
    assert first.steps == predicted.steps
    assert run([str(executable(place)), "-V"]).stdout.startswith("tcpreplay version: 4.4.2")
    assert install(package, run).steps == ()
    assert remainders(tcpreplay) == []


def test_a_second_version_is_installed_next_to_the_first(tcpreplay, tmp_path):
    (tmp_path / "second").mkdir()
    second = TcpreplayBench(tmp_path / "second", version=VERSION.replace("4.4.2", "4.4.3"))
    second.change(version="4.4.3", prefix=tcpreplay.recipe.prefix)
    packages = [tcpreplay.package(), second.package()]
    for package in packages:
        install(package, run)
    assert [install(package, run).steps for package in packages] == [(), ()]


def test_another_build_of_the_version_replaces_the_first(tcpreplay):
    install(tcpreplay.package(), run)
    tcpreplay.change(options=("--enable-debug",))
    package, place = tcpreplay.package(), tcpreplay.recipe.place
    steps = install(package, run).steps
    assert steps[0] == f"install {place}: options changes from () to ('--enable-debug',)"
    assert steps[1].startswith(f"install {place}: key changes from ")
    assert "--enable-debug" in (place / "share/configured").read_text()
    assert install(package, run).steps == ()
    assert remainders(tcpreplay) == []


def test_a_changed_or_missing_file_is_installed_again(tcpreplay):
    package, place = tcpreplay.package(), tcpreplay.recipe.place
    install(package, run)
    (place / "bin/tcpreplay").write_text("#!/bin/sh\n")
    (place / "share/configured").unlink()
    assert install(package, run).steps == (
        f"install {place}: bin/tcpreplay differs from the package",
        f"install {place}: share/configured differs from the package",
    )
    assert install(package, run).steps == ()


def test_an_interrupted_installation_is_repeated(tcpreplay):
    package, place = tcpreplay.package(), tcpreplay.recipe.place
    install(package, run)
    (place / STAMP).unlink()
    assert install(package, run).steps == (f"install {place}: it contains no finished installation",)
    assert remainders(tcpreplay) == []


def test_the_remainder_of_an_interrupted_installation_of_another_version_is_removed(tcpreplay):
    package = tcpreplay.package()
    install(package, run)
    remainder = tcpreplay.recipe.place.parent / ".4.4.3.abc"
    remainder.mkdir()
    for check in (True, False):
        assert install(package, run, check).steps == (f"remove {remainder}",)
    assert remainders(tcpreplay) == []
    assert install(package, run).steps == ()


def test_a_second_installation_waits_and_has_nothing_to_do(tcpreplay):
    package = tcpreplay.package()
    outcome = []
    second = threading.Thread(target=lambda: outcome.append(install(package, run).steps))
    started = threading.Event()

    def slowly(argv):
        if not started.is_set():
            started.set()
            second.start()
            second.join(0.3)
        return run(argv)

    assert install(package, slowly).steps
    second.join()
    assert outcome == [()]
    assert remainders(tcpreplay) == []


def test_a_program_that_does_not_run_here_is_not_installed(tcpreplay):
    package, place = tcpreplay.package(), tcpreplay.recipe.place
    install(package, run)
    before = (place / STAMP).read_bytes()
    manifest, contents = unpack(package, Manifest)
    contents["bin/tcpreplay"] = b"#!/bin/sh\necho 'libpcap.so.0.8: cannot open shared object file' >&2; exit 127\n"
    broken = repacked(tcpreplay, manifest, contents)
    with pytest.raises(HostError, match=r"it does not run: .*libpcap.so.0.8.* Install the missing library"):
        install(broken, run)
    assert (place / STAMP).read_bytes() == before
    assert remainders(tcpreplay) == []


def test_a_package_for_another_system_is_refused(tcpreplay):
    manifest, contents = unpack(tcpreplay.package(), Manifest)
    other = replace(manifest, recipe=replace(manifest.recipe, system="RedHat 9 x86_64"))
    with pytest.raises(InputError, match=rf"is for RedHat 9 x86_64, not for {tcpreplay.recipe.system}"):
        install(repacked(tcpreplay, other, contents), run)
    assert not Path(tcpreplay.recipe.prefix).exists()


def test_an_unusable_prefix_is_named(tcpreplay):
    package = tcpreplay.package()
    Path(tcpreplay.recipe.prefix).write_text("a file instead of the folder of versions")
    with pytest.raises(HostError, match=r"cannot be used: .*Make it writable, with enough free space"):
        install(package, run)


def repacked(bench: TcpreplayBench, manifest: Manifest, contents: dict[str, bytes]) -> str:
    """A package with other files than it was built with."""
    path = str(bench.packages / "repacked.tar.gz")
    pack(path, replace(manifest, files={name: sha256(content) for name, content in contents.items()}), contents)
    return path

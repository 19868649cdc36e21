"""Installing a package: whole, after it has run, and anew where something differs from it."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from tests.unit.packages.tcpreplay.conftest import SAID, Bench

from linerate.errors import HostError, InputError
from linerate.packages.archive import pack, sha256
from linerate.packages.tcpreplay.install import STAMP, install
from linerate.packages.tcpreplay.package import unpack
from linerate.system.run import run


def left_over(bench: Bench) -> list[Path]:
    return list(Path(bench.recipe.prefix).glob(".*"))


def test_installed_once_then_left_alone(bench):
    package = bench.package()
    foretold = install(package, run, check=True)
    assert foretold.reasons == (f"{bench.recipe.place} holds no finished installation",)
    assert not bench.recipe.place.exists()
    first = install(package, run)
    assert first.reasons == foretold.reasons
    assert run([first.executable, "-V"]).stdout.startswith("tcpreplay version: 4.4.2")
    assert install(package, run).reasons == ()
    assert left_over(bench) == []


def test_a_second_version_stands_beside_the_first(bench, tmp_path):
    (tmp_path / "second").mkdir()
    second = Bench(tmp_path / "second", said=SAID.replace("4.4.2", "4.4.3"))
    second.wants(version="4.4.3", prefix=bench.recipe.prefix)
    packages = [bench.package(), second.package()]
    for package in packages:
        install(package, run)
    assert [install(package, run).reasons for package in packages] == [(), ()]


def test_another_build_of_the_version_takes_its_place(bench):
    install(bench.package(), run)
    bench.wants(options=("--enable-debug",))
    package = bench.package()
    reasons = install(package, run).reasons
    assert [reason.partition(" ")[0] for reason in reasons[:2]] == ["options", "key"]
    assert "--enable-debug" in (bench.recipe.place / "share/configured").read_text()
    assert install(package, run).reasons == ()
    assert left_over(bench) == []


def test_a_file_that_was_changed_or_removed_is_put_back(bench):
    package = bench.package()
    install(package, run)
    changed, removed = bench.recipe.place / "bin/tcpreplay", bench.recipe.place / "share/configured"
    changed.write_text("#!/bin/sh\n")
    removed.unlink()
    assert set(install(package, run).reasons) == {f"{path} is not the package's" for path in (changed, removed)}
    assert install(package, run).reasons == ()


def test_an_installation_that_was_cut_off_is_begun_anew(bench):
    package = bench.package()
    install(package, run)
    (bench.recipe.place / STAMP).unlink()
    assert install(package, run).reasons == (f"{bench.recipe.place} holds no finished installation",)
    assert left_over(bench) == []


def test_what_an_installation_of_another_version_left_that_was_cut_off_is_removed(bench):
    package = bench.package()
    install(package, run)
    left = bench.recipe.place.parent / ".4.4.3.abc"
    left.mkdir()
    for check in (True, False):
        assert install(package, run, check).reasons == (f"{left} is of an installation that was cut off",)
    assert left_over(bench) == []
    assert install(package, run).reasons == ()


def test_who_comes_while_another_installs_waits_and_finds_it_done(bench):
    package = bench.package()
    outcome = []
    second = threading.Thread(target=lambda: outcome.append(install(package, run).reasons))
    started = threading.Event()

    def slowly(argv):
        if not started.is_set():
            started.set()
            second.start()
            second.join(0.3)
        return run(argv)

    assert install(package, slowly).reasons
    second.join()
    assert outcome == [()]
    assert left_over(bench) == []


def test_what_does_not_run_here_is_not_put_in_place(bench):
    package = bench.package()
    install(package, run)
    before = (bench.recipe.place / STAMP).read_bytes()
    manifest, contents = unpack(package)
    contents["bin/tcpreplay"] = b"#!/bin/sh\necho 'libpcap.so.0.8: cannot open shared object file' >&2; exit 127\n"
    broken = repacked(bench, manifest.as_json(), contents)
    with pytest.raises(HostError, match=r"it does not run: .*libpcap.so.0.8.* Install the library it misses"):
        install(broken, run)
    assert (bench.recipe.place / STAMP).read_bytes() == before
    assert left_over(bench) == []


def test_a_package_of_another_system_is_refused(bench):
    manifest, contents = unpack(bench.package())
    values = json.loads(manifest.as_json())
    values["recipe"]["system"] = "RedHat 9 x86_64"
    other = repacked(bench, json.dumps(values).encode(), contents)
    with pytest.raises(InputError, match=rf"is for RedHat 9 x86_64, and this is {bench.recipe.system}"):
        install(other, run)
    assert not Path(bench.recipe.prefix).exists()


def test_a_prefix_that_cannot_be_one(bench):
    package = bench.package()
    Path(bench.recipe.prefix).write_text("a file where the folder of versions is to be")
    with pytest.raises(HostError, match=r"cannot be used: .*Make it a writable place"):
        install(package, run)


def repacked(bench: Bench, manifest: bytes, contents: dict[str, bytes]) -> str:
    """A package of other files than it was built with."""
    values = json.loads(manifest)
    values["files"] = {name: sha256(content) for name, content in contents.items()}
    path = str(bench.packages / "repacked.tar.gz")
    pack(path, json.dumps(values).encode(), contents)
    return path

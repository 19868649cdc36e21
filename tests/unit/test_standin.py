"""The stand-in for netmap's source prints what the core reads. (The guests build and load it.)"""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import pytest
from tests.standin.archive import NETMAP, standin_netmap

from linerate.packages.netmap.configure import configure_argv, first_complaint, native_drivers
from linerate.packages.netmap.recipe import Recipe


@pytest.fixture
def configure(tmp_path):
    """A function that runs configure for drivers, with the options that the core uses."""
    kernel, stage, build = tmp_path / "kernel", tmp_path / "stage", tmp_path / "build"
    for folder in (kernel, stage, build):
        folder.mkdir()
    (kernel / "Makefile").touch()

    def run(*drivers: str, sources: Path | None = None) -> subprocess.CompletedProcess[str]:
        recipe = Recipe("0" * 40, "6.1.0-56-amd64", drivers)
        kernel_sources = str(sources) if sources else None
        argv = configure_argv(recipe, str(NETMAP / "configure"), str(kernel), str(stage), kernel_sources)
        return subprocess.run(argv, cwd=build, capture_output=True, text=True, check=False)

    return run


def test_the_core_module_alone(configure, tmp_path):
    done = configure()
    assert (done.returncode, native_drivers(done.stdout)) == (0, ())
    assert (tmp_path / "build/netmap.c").exists()


def test_a_driver_with_a_source(configure, tmp_path):
    source = tmp_path / "sources/drivers/net/ethernet/intel/e1000/e1000_main.c"
    source.parent.mkdir(parents=True)
    source.touch()
    done = configure("e1000", sources=tmp_path / "sources")
    assert (done.returncode, native_drivers(done.stdout)) == (0, ("e1000",))


@pytest.mark.parametrize("driver", ["e1000", "veth.c"])
def test_a_driver_without_a_source(configure, driver):
    done = configure(driver)
    assert done.returncode == 1
    assert first_complaint(done.stdout) == f"There were problems patching the driver {driver}. Disabling {driver}."


def test_the_archive_contains_its_commit_which_depends_on_the_content_alone(tmp_path):
    commits = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        commit = standin_netmap(tmp_path / name)
        with tarfile.open(tmp_path / name / f"netmap-{commit}.tar.gz") as archive:
            assert archive.pax_headers["comment"] == commit
            assert "netmap/configure" in archive.getnames()
        commits.add(commit)
    assert len(commits) == 1

"""playbooks/verify.yml on a built tcpreplay: it passes when all is right, and each check can fail."""

from __future__ import annotations

import pytest
from tests.integration.test_tcpreplay_source import COMMIT, netmap_package
from tests.integration.test_verify import failed_checks
from tests.standin.tcpreplay_archive import standin_tcpreplay

from linerate.packages.build import Tools, build
from linerate.packages.tcpreplay.build import TcpreplayBuild
from linerate.packages.tcpreplay.install import install
from linerate.packages.tcpreplay.recipe import Recipe, this_system
from linerate.system.run import run, run_logged


@pytest.fixture
def built(tmp_path):
    """Version 4.4.2 with netmap, 4.4.3 without, and a link to the first; the variables of the role."""
    netmap_package(tmp_path)
    (netmap,) = map(str, tmp_path.glob("netmap-*"))
    for version, commit in (("4.4.2", COMMIT), ("4.4.3", "")):
        archive, sha256 = standin_tcpreplay(tmp_path, version)
        recipe = Recipe(version, sha256, str(tmp_path / "prefix"), this_system(), netmap=commit)
        tools = Tools(run, run_logged, str(tmp_path / "build"))
        install(build(TcpreplayBuild(recipe, str(archive), netmap), str(tmp_path), tools)[0], run)
    (tmp_path / "tcpreplay").symlink_to(tmp_path / "prefix/4.4.2/bin/tcpreplay")
    return {
        "tcpreplay_install_method": "source",
        "tcpreplay_version": "4.4.2",
        "tcpreplay_netmap": True,
        "tcpreplay_prefix": str(tmp_path / "prefix"),
        "tcpreplay_link": str(tmp_path / "tcpreplay"),
        "tcpreplay_build_dir": str(tmp_path / "build"),
    }


def test_a_built_tcpreplay_passes(lab, play, built):
    verified = play("playbooks/verify.yml", **built)
    assert (verified.rc, verified.changed_tasks) == (0, 0), verified.stdout
    assert "sender1: 19 checks passed" in verified.stdout


def test_each_check_fails_when_its_property_is_violated(lab, play, built, tmp_path):
    prefix, link, stale = tmp_path / "prefix", tmp_path / "tcpreplay", tmp_path / "build/linerate-tcpreplay-build-x"
    link.unlink()
    link.symlink_to(prefix / "4.4.3/bin/tcpreplay")
    (prefix / "4.4.2/share/doc/tcpreplay/README").write_text("changed")
    stale.mkdir()
    (prefix / ".4.4.2.x").mkdir()
    assert failed_checks(play, **built) == [
        "sender1: tcpreplay is of the configured version: it is 4.4.3, not 4.4.2",
        f"sender1: tcpreplay is the one that was built: {link} leads to {prefix}/4.4.3/bin/tcpreplay",
        "sender1: tcpreplay's files are those that were installed: changed or missing: share/doc/tcpreplay/README",
        "sender1: tcpreplay supports netmap where that is configured: tcpreplay 4.4.3 is not compiled with netmap",
        f"sender1: No files of an interrupted build or installation of tcpreplay remain: {stale}, {prefix}/.4.4.2.x",
    ]
    link.unlink()
    (prefix / "4.4.2/linerate-build.json").unlink()
    stale.rmdir()
    (prefix / ".4.4.2.x").rmdir()
    lines = failed_checks(play, **built)
    assert f"sender1: tcpreplay is the one that was built: {link} leads to nothing" in lines
    assert (
        "sender1: tcpreplay's files are those that were installed: "
        f"{prefix}/4.4.2 contains no complete installation" in lines
    )

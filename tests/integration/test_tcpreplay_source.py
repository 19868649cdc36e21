"""tcpreplay built from a true release tarball by the real playbooks, through every fault to a valid replay.

The tarball is that of the archive of the distribution, through apt, or one that is at hand: a release in
artifacts/, or the file tcpreplay-<version>.tar.* that the variable LINERATE_TEST_TCPREPLAY_SOURCE names.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
RELEASES = ("tcpreplay-4.4.3.tar.xz", "tcpreplay-4.4.2.tar.gz")
COMPILERS = re.compile(r"(.*-)?(cc|gcc|c89|c99|clang)(-\d+)?")


@dataclass(frozen=True)
class Tarball:
    """A source archive, outside of what the roles look into."""

    path: Path
    version: str
    sha256: str


def write_sources(parts: Path) -> None:
    """Write this machine's own archives of the distribution into ``parts``, as sources of source packages."""
    for path in [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]:
        if path.suffix == ".sources":
            entries = [part for part in re.split(r"\n\s*\n", path.read_text()) if "/debian" in part]
            text = re.sub(r"^Types:.*", "Types: deb-src", "\n\n".join(entries), flags=re.MULTILINE)
        elif path.is_file():
            entries = re.findall(r"^deb\s.*/debian.*", path.read_text(), re.MULTILINE)
            text = re.sub(r"^deb", "deb-src", "\n".join(entries), flags=re.MULTILINE)
        else:
            continue
        (parts / path.name).write_text(f"{text}\n")


def from_the_archive(folder: Path) -> Path | None:
    """tcpreplay's source tarball through apt, in a configuration of its own; None where it cannot be had."""
    if shutil.which("apt-get") is None:
        return None
    for name in ("parts", "lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    write_sources(folder / "parts")
    own = {
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": folder / "parts",
        "Dir::State::lists": folder / "lists",
        "Dir::Cache": folder / "cache",
        "APT::Sandbox::User": "root",
        "Acquire::http::Timeout": 20,
    }
    options = [word for name, value in own.items() for word in ("-o", f"{name}={value}")]
    for words in (["update"], ["source", "--download-only", "tcpreplay"]):
        subprocess.run(["apt-get", *options, *words], cwd=folder, capture_output=True, check=False)
    return next(iter(folder.glob("tcpreplay_*.orig.tar.?z")), None)


@pytest.fixture(scope="module")
def tarball(tmp_path_factory) -> Tarball:
    given = os.environ.get("LINERATE_TEST_TCPREPLAY_SOURCE")
    at_hand = [path for path in (REPOSITORY / "artifacts" / name for name in RELEASES) if path.is_file()]
    path = Path(given) if given else at_hand[0] if at_hand else from_the_archive(tmp_path_factory.mktemp("apt"))
    if path is None:
        pytest.skip("tcpreplay's source tarball is neither in artifacts/ nor to be had from the distribution's archive")
    version = re.search(r"tcpreplay[-_](\d+\.\d+\.\d+)", path.name)
    assert version, f"{path} does not say its version"
    return Tarball(path, version[1], hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.fixture
def netmap_source(tarball: Tarball, tmp_path: Path) -> str:
    """The folder of netmap's true source; empty where it is not in artifacts/, or the version cannot use it."""
    # The source is named after its whole commit; what was built from it stands there, too.
    at_hand = sorted((REPOSITORY / "artifacts").glob(f"netmap-{'[0-9a-f]' * 40}.tar.gz"))
    if not at_hand or tarball.version not in ("4.4.2", "4.4.3"):
        return ""
    (tmp_path / "netmap").mkdir()
    subprocess.run(["tar", "-xf", at_hand[0], "-C", tmp_path / "netmap", "--strip-components=1"], check=True)
    return str(tmp_path / "netmap")


@pytest.fixture
def source(tarball: Tarball, netmap_source: str, tmp_path: Path) -> dict[str, Any]:
    """The role's variables: everything in folders of this test's, and the tarball among the artifacts."""
    name = f"tcpreplay-{tarball.version}{''.join(tarball.path.suffixes[-2:])}"
    (tmp_path / "artifacts").mkdir()
    shutil.copy(tarball.path, tmp_path / "artifacts" / name)
    return {
        "tcpreplay_install_method": "source",
        "tcpreplay_version": tarball.version,
        "tcpreplay_source_url": f"http://upstream.invalid/{name}",
        "tcpreplay_source_checksum": tarball.sha256,
        "tcpreplay_prefix": str(tmp_path / "prefix"),
        "tcpreplay_link": str(tmp_path / "tcpreplay"),
        "tcpreplay_netmap_source": netmap_source,
        "tcpreplay_archive_dir": str(tmp_path / "archives"),
        "tcpreplay_build_dir": str(tmp_path / "build"),
        "sources_artifacts_dir": str(tmp_path / "artifacts"),
    }


def path_without_compiler(folder: Path) -> str:
    """A folder with everything in PATH but the compilers."""
    folder.mkdir()
    for place in os.get_exec_path():
        for program in Path(place).glob("*"):
            link = folder / program.name
            if not COMPILERS.fullmatch(program.name) and not link.is_symlink():
                link.symlink_to(program)
    return str(folder)


def process_of(pid: str) -> tuple[Path, int]:
    """The folder that a process works in, and its parent."""
    stat = Path(f"/proc/{pid}/stat").read_text()
    return Path(os.readlink(f"/proc/{pid}/cwd")), int(stat.rpartition(")")[2].split()[1])


def kill_while_it_configures(build_dir: Path) -> None:
    """Kill the module, as the kernel would for want of memory, once configure is at work."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        time.sleep(0.05)
        if not any(log.stat().st_size for log in build_dir.glob("*/configure.log")):
            continue
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                folder, parent = process_of(process.name)
                # The one that the module has started: all that this one starts work in the same folder.
                if folder.is_relative_to(build_dir) and not process_of(str(parent))[0].is_relative_to(build_dir):
                    os.kill(parent, signal.SIGKILL)
                    return


def test_every_fault_is_one_error_and_the_next_run_goes_on_from_there(lab, play, tmp_path, source, tarball):
    provision, place = "playbooks/provision.yml", tmp_path / "prefix" / tarball.version
    without_network = ("nice", "-n", "5", "unshare", "--net")

    foretold = play(provision, "--check", before=without_network, **source)
    assert foretold.rc == 0, foretold.stdout
    assert foretold.changed_tasks > 0
    assert not place.parent.exists()

    no_compiler = play(provision, before=("env", f"PATH={path_without_compiler(tmp_path / 'bin')}"), **source)
    assert len(no_compiler.failures) == 1, no_compiler.stdout
    assert "program 'cc': is not on this host. Install the package" in no_compiler.failures[0]

    killer = threading.Thread(target=kill_while_it_configures, args=(tmp_path / "build",))
    killer.start()
    killed = play(provision, before=without_network, **source)
    killer.join()
    assert (killed.rc, len(killed.failures)) == (2, 1), killed.stdout
    assert not place.parent.exists()

    place.parent.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "linerate-tests", str(place.parent)], check=True)
    try:
        full = play(provision, before=without_network, **source)
        assert len(full.failures) == 1, full.stdout
        assert f"install of tcpreplay {tarball.version}: ended with status 2; the last lines of" in full.failures[0]
        assert "No space left on device" in full.failures[0]
        assert list(place.parent.iterdir()) == []
    finally:
        subprocess.run(["umount", str(place.parent)], check=True)
    made = {path: path.stat().st_mtime_ns for path in tmp_path.glob("build/*/make.log")}
    assert len(made) == 1

    # An air-gapped host with a finished build needs neither the artifact nor the archive.
    installed = play(provision, before=without_network, **source)
    assert installed.rc == 0, installed.stdout
    assert f"tcpreplay {tarball.version} sends by PF_PACKET send()" in installed.stdout
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("build/*/make.log")} == made
    assert os.readlink(source["tcpreplay_link"]) == str(place / "bin/tcpreplay")
    stated = subprocess.run([source["tcpreplay_link"], "-V"], capture_output=True, text=True, check=True)
    by_netmap = "Optional injection method: netmap" in stated.stdout + stated.stderr
    assert by_netmap or not source["tcpreplay_netmap_source"]
    shutil.rmtree(tmp_path / "artifacts")
    shutil.rmtree(tmp_path / "archives")
    again = play(provision, before=without_network, **source)
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout

    other = play(provision, "--check", "--diff", tcpreplay_configure_options=["--enable-debug"], **source)
    assert "options was [], is to be ['--enable-debug']" in other.stdout

    verify_and_send(play, tmp_path, source)


def verify_and_send(play, tmp_path, source):
    """Each playbook by itself takes the one that was built."""
    verified = play("playbooks/verify.yml", **source)
    assert verified.rc == 0, verified.stdout
    sent = play(
        "playbooks/benchmark.yml",
        benchmark_cases=["tcp_port_scan_64"],
        benchmark_rates=[{"mode": "pps", "value": 2000}],
        benchmark_repeats=1,
        benchmark_duration_paced=1.5,
        benchmark_rate_tolerance_percent=50,
        benchmark_results_dir=str(tmp_path / "results"),
        pcaps_dir=str(tmp_path / "pcaps"),
        **source,
    )
    assert sent.rc == 0, sent.stdout
    trial = json.loads((tmp_path / "results/latest/trials.jsonl").read_text())
    assert (trial["verdict"]["valid"], trial["verdict"]["reasons"]) == (True, [])
    assert trial["argv"][0] == source["tcpreplay_link"]
    assert trial["versions"]["tcpreplay"] == source["tcpreplay_version"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"tcpreplay_version": "4.5.4"},
            "The archive of tcpreplay 4.5.4 is not known, only that of 4.4.2 and 4.4.3. Give tcpreplay_source_url",
        ),
        (
            {
                "tcpreplay_version": "4.5.1",
                "tcpreplay_source_url": "http://upstream.invalid/tcpreplay-4.5.1.tar.gz",
                "tcpreplay_source_checksum": "0" * 64,
                "tcpreplay_netmap_source": "/usr/src/netmap",
            },
            "netmap does not work in tcpreplay 4.5.1 (broken from 4.4.4 to 4.5.2). Take 4.4.2",
        ),
    ],
)
def test_a_version_that_cannot_be_built_is_refused_before_anything_is_fetched(play, tmp_path, given, message):
    refused = play(
        "playbooks/provision.yml",
        tcpreplay_install_method="source",
        tcpreplay_prefix=str(tmp_path / "prefix"),
        tcpreplay_archive_dir=str(tmp_path / "archives"),
        **given,
    )
    assert (len(refused.failures), refused.changed_tasks) == (1, 0), refused.stdout
    assert message in " ".join(refused.failures[0].split())
    assert list(tmp_path.iterdir()) == []

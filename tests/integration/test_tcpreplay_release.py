"""tcpreplay from a real release tarball: built by the real playbooks, verified, and sending.

The tarball comes from the archive of the distribution, through apt, or from the file tcpreplay-<version>.tar.* that the
variable LINERATE_TEST_TCPREPLAY_SOURCE names.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest


def write_sources(parts: Path) -> None:
    """Write the archives of this machine's distribution into ``parts``, as archives of source packages."""
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
    """tcpreplay's source tarball through apt, with a configuration of its own; None when it is not available."""
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
def tarball(tmp_path_factory) -> Path:
    given = os.environ.get("LINERATE_TEST_TCPREPLAY_SOURCE")
    path = Path(given) if given else from_the_archive(tmp_path_factory.mktemp("apt"))
    if path is None:
        pytest.skip(
            "tcpreplay's source is not available from the distribution's archive, and "
            "LINERATE_TEST_TCPREPLAY_SOURCE names no tarball"
        )
    return path


def test_a_release_is_built_verified_and_sends(lab, play, tmp_path, tarball):
    found = re.search(r"tcpreplay[-_](\d+\.\d+\.\d+)", tarball.name)
    assert found, f"the name of {tarball} contains no version"
    name = f"tcpreplay-{found[1]}{''.join(tarball.suffixes[-2:])}"
    (tmp_path / "artifacts").mkdir()
    shutil.copy(tarball, tmp_path / "artifacts" / name)
    source = {
        "tcpreplay_install_method": "source",
        "tcpreplay_version": found[1],
        "tcpreplay_source_url": f"http://upstream.invalid/{name}",
        "tcpreplay_source_checksum": hashlib.sha256(tarball.read_bytes()).hexdigest(),
        "tcpreplay_artifacts": str(tmp_path / "artifacts"),
        "tcpreplay_build_host": "localhost",
        "tcpreplay_build_dir": str(tmp_path / "build"),
        "tcpreplay_prefix": str(tmp_path / "prefix"),
        "tcpreplay_link": str(tmp_path / "tcpreplay"),
    }
    built = play("playbooks/provision.yml", **source)
    assert built.rc == 0, built.stdout
    assert f"tcpreplay {found[1]} sends by PF_PACKET send()" in built.stdout
    verified = play("playbooks/verify.yml", **source)
    assert verified.rc == 0, verified.stdout
    sent = play(
        "playbooks/benchmark.yml",
        benchmark_cases=["tcp_port_scan_64"],
        benchmark_engines=["kernel"],
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
    assert trial["versions"]["tcpreplay"] == found[1]

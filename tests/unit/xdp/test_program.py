"""The sender as one file: it holds all that it imports, and runs where linerate is not installed."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from linerate.errors import HostError
from linerate.xdp import program
from linerate.xdp.events import SENDING, failure, find, line

REPOSITORY = Path(__file__).parents[3]


def installed(root: Path) -> Path:
    program.install(str(root))
    return root / program.path().lstrip("/")


def run(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-S", place, *arguments], capture_output=True, text=True, cwd="/", check=False
    )


def test_it_runs_by_itself(tmp_path):
    place = installed(tmp_path)
    assert "--interface" in run(place, "--help").stdout
    failed = run(place, "--interface=nope0", "--pcap=/p/a.pcap", "--topspeed")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith("linerate-xdp: ")
    assert len(failed.stderr.splitlines()) == 1


def test_it_holds_nothing_of_other_send_methods():
    names = zipfile.ZipFile(BytesIO(program.content())).namelist()
    assert {"__main__.py", "linerate/__init__.py", "linerate/xdp/sender.py", "linerate/pcap/reader.py"} <= set(names)
    assert not [name for name in names if "tcpreplay" in name or "netmap" in name or "trial" in name]


def test_it_is_the_same_from_the_archive_that_ansible_provides(tmp_path):
    with zipfile.ZipFile(tmp_path / "payload.zip", "w") as payload:
        for name in ("ansible", "ansible/module_utils"):
            payload.writestr(f"{name}/__init__.py", "")
        for path in sorted((REPOSITORY / "src/linerate").rglob("*.py")):
            payload.write(path, f"ansible/module_utils/{path.relative_to(REPOSITORY / 'src')}")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'payload.zip')!r})\n"
        "from ansible.module_utils.linerate.xdp import program\n"
        "print(program.path())"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == program.path(), done.stderr


def test_each_version_has_a_place_of_its_own_and_stays(tmp_path):
    place = installed(tmp_path)
    before = place.stat().st_mtime_ns
    assert installed(tmp_path).stat().st_mtime_ns == before
    assert [*tmp_path.rglob("*.pyz")] == [place]
    assert place.read_bytes() == program.content()


def test_a_folder_that_cannot_be_written_is_one_error(tmp_path):
    if os.geteuid() == 0:
        (tmp_path / "run").write_text("a file")
    else:
        tmp_path.chmod(0o500)
    with pytest.raises(HostError, match=r"program .*linerate-xdp.pyz.*cannot be written"):
        program.install(str(tmp_path))


def test_events_are_found_in_an_output_whose_middle_is_left_out():
    text = "\n".join(
        [line("start", queue=0), line("interval", packets=1)[:9], "[... 99 bytes left out ...]", line("end", packets=2)]
    )
    assert find(text, "start") == {"event": "start", "queue": 0}
    assert find(text, "end") == {"event": "end", "packets": 2}
    assert find(text, "ready") is None


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ("linerate-xdp: pcap 'a': is bad. Make it.\n", "pcap 'a': is bad. Make it."),
        (f"{SENDING}\nlinerate-xdp: interface 'a': is down. Up.\n", "interface 'a': is down. Up."),
        (f"{SENDING}\n", "linerate-xdp printed no count"),
        ("Traceback\nKeyError: 1\n", "KeyError: 1"),
        ("", "linerate-xdp printed no count"),
    ],
)
def test_the_reason_of_a_failure(messages, reason):
    assert failure(messages) == reason

"""playbooks/tune.yml on the lab: set, seen by verify, recorded by the run, and set back by restore."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from tests.integration.test_after import children
from tests.integration.test_benchmark import short, stored
from tests.integration.test_verify import failed_checks
from tests.integration.trials import Trial, make_pcap

STANDIN = Path(__file__).parents[1] / "standin/ethtool"
STATE = Path("/run/linerate/tuning.json")
CPU = str(max(os.sched_getaffinity(0)))
OFFLOADS = {"gso": False, "tx-checksumming": False}
TUNED = {"sender_tuning_ok": True, "sender_tuning_core": CPU, "sender_tuning_offloads": OFFLOADS}
HOLD = """
import sys
from linerate.system.lock import sole_sender
with sole_sender("lrs0", "a trial of the test"):
    print("held", flush=True)
    sys.stdin.read()
"""
HOLD_OURS = ("/usr/local/lib", "/var/cache", "/var/lib", "/opt")


@pytest.fixture(autouse=True)
def own_state() -> Iterator[None]:
    """What one test leaves is none of the next one's."""
    yield
    STATE.unlink(missing_ok=True)


def inside(*command: str) -> str:
    """What a command says in the sender's namespace."""
    argv = ["ip", "netns", "exec", "linerate-sender1", *command]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def offloads() -> dict[str, bool]:
    """Those that can be changed, by ethtool's own long names."""
    found = re.findall(
        r"^\t?([a-z0-9-]+): (on|off)( \[requested \w+\])?$", inside("ethtool", "-k", "lrs0"), re.MULTILINE
    )
    return {name: value == "on" for name, value, _ in found}


@contextmanager
def mounted(*words: str) -> Iterator[None]:
    """What mount(8) is told, the place last, in the tests' own mounts."""
    subprocess.run(["mount", *words], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", words[-1]], check=True)


@pytest.fixture
def own_places(tmp_path: Path) -> Iterator[dict[str, str]]:
    """What restore removes, it removes for the tests alone; the variables of where the rest is."""
    with ExitStack() as stack:
        layers = tmp_path / "layers"
        layers.mkdir()
        stack.enter_context(mounted("-t", "tmpfs", "linerate-tests", str(layers)))
        for name in HOLD_OURS:
            upper, work = layers / name.replace("/", "-"), layers / f"work{name.replace('/', '-')}"
            upper.mkdir()
            work.mkdir()
            options = f"lowerdir={name},upperdir={upper},workdir={work}"
            stack.enter_context(mounted("-t", "overlay", "-o", options, "linerate-tests", name))
        yield {
            "tcpreplay_prefix": str(tmp_path / "prefix"),
            "tcpreplay_link": str(tmp_path / "tcpreplay"),
            "pcaps_dir": str(tmp_path / "pcaps"),
        }


@pytest.fixture
def ethtool(tmp_path: Path) -> Iterator[None]:
    """An ethtool by which the lab's interface has rings and flow control."""
    real = shutil.which("ethtool")
    assert real
    folder = tmp_path / "ethtool"
    folder.mkdir()
    shutil.copy(real, folder / "ethtool-real")
    program = folder / "ethtool"
    program.write_text(STANDIN.read_text().replace("Path(__file__).resolve().parent", f"Path({str(folder)!r})"))
    program.chmod(0o755)
    with mounted("--bind", str(program), real):
        yield


def test_without_consent_nothing_is_changed_and_what_would_be_is_said(lab, play):
    before = offloads()
    done = play("playbooks/tune.yml", **{**TUNED, "sender_tuning_ok": False})
    assert (done.rc, done.changed_tasks) == (0, 0), done.stdout
    assert "Nothing was changed: sender_tuning_ok is false." in done.stdout
    assert "offloads: would ethtool -K lrs0 gso off" in done.stdout
    assert "rings: not available: the driver of lrs0 has no rings to set" in done.stdout
    assert offloads() == before
    assert not STATE.exists()


def test_set_and_set_back(lab, play, own_places):
    before = offloads()
    foretold = play("playbooks/tune.yml", "--check --diff", **TUNED)
    assert (foretold.rc, foretold.changed_tasks) == (0, 1), foretold.stdout
    assert "-offloads gso: on" in foretold.stdout
    assert "+offloads gso: off" in foretold.stdout
    assert (offloads(), STATE.exists()) == (before, False)

    done = play("playbooks/tune.yml", **TUNED)
    assert (done.rc, done.changed_tasks) == (0, 1), done.stdout
    tuned = offloads()
    assert (tuned["generic-segmentation-offload"], tuned["tx-checksum-ip-generic"]) == (False, False)
    assert STATE.stat().st_mode & 0o777 == 0o600
    found = STATE.read_text()
    again = play("playbooks/tune.yml", **TUNED)
    assert (again.rc, again.changed_tasks, STATE.read_text()) == (0, 0, found), again.stdout
    assert play("playbooks/verify.yml", **TUNED).rc == 0

    foretold = play("playbooks/restore.yml", "--check", **own_places)
    assert (foretold.rc, offloads()) == (0, tuned), foretold.stdout
    assert foretold.changed_tasks > 0
    back = play("playbooks/restore.yml", **own_places)
    assert back.rc == 0, back.stdout
    assert (offloads(), STATE.exists()) == (before, False)
    again = play("playbooks/restore.yml", **own_places)
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout


def killed(trial: Trial) -> None:
    """With its guardian, too, which would put the interface back; tcpreplay dies with the module."""
    inside("ip", "link", "set", "dev", "lrs0", "promisc", "on")
    for pid in (*children(trial.process.pid), trial.process.pid):
        os.kill(pid, signal.SIGKILL)
    trial.gone()


def test_restore_waits_for_a_trial_and_puts_back_what_an_interrupted_one_left(lab, play, tmp_path, own_places):
    argv = ["ip", "netns", "exec", "linerate-sender1", sys.executable, "-c", HOLD]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        refused = play("playbooks/restore.yml", **own_places)
    assert "interface 'lrs0': is in use: a trial of the test" in " ".join(refused.failures), refused.stdout
    killed(Trial(make_pcap(tmp_path / "test.pcap")).sending())
    left = "ip link set dev lrs0 promisc off"
    assert left in play("playbooks/restore.yml", "--check", **own_places).stdout
    assert left in play("playbooks/restore.yml", **own_places).stdout
    again = play("playbooks/restore.yml", **own_places)
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout


def test_what_an_interrupted_trial_left_is_not_put_back_over_what_is_set(lab, play, tmp_path):
    killed(Trial(make_pcap(tmp_path / "test.pcap")).sending())
    done = play("playbooks/tune.yml", **TUNED)
    assert (done.rc, done.changed_tasks) == (0, 1), done.stdout
    assert "left by an interrupted trial: ip link set dev lrs0 promisc off" in " ".join(done.stdout.split())
    tuned = offloads()
    assert tuned["generic-segmentation-offload"] is False
    assert Trial(make_pcap(tmp_path / "next.pcap"), pps=2000, loop=1).result()["claim"]["successful"] == 2000
    assert offloads() == tuned


def test_what_the_host_has_not_is_one_error_where_it_was_asked_for(lab, play):
    before = offloads()
    refused = play("playbooks/tune.yml", **TUNED, sender_tuning_rings="4096")
    assert refused.failures == (
        "sender_tuning_rings '4096': cannot be had here: the driver of lrs0 has no rings to set. "
        "Give a value that this host can have, or leave it out.",
    )
    assert (offloads(), STATE.exists()) == (before, False)


def test_the_interface_of_the_default_route_is_refused(lab, play):
    before = offloads()
    subprocess.run(["ip", "-n", "linerate-sender1", "address", "add", "198.18.0.9/24", "dev", "lrs0"], check=True)
    subprocess.run(["ip", "-n", "linerate-sender1", "route", "add", "default", "via", "198.18.0.1"], check=True)
    refused = play("playbooks/tune.yml", **TUNED)
    assert "interface 'lrs0': carries the default route" in " ".join(refused.failures)
    assert (offloads(), STATE.exists()) == (before, False)


def test_a_run_records_how_the_sender_was_set(lab, play, tmp_path):
    scenario = short(tmp_path, benchmark_cases=["udp_port_scan_64"], benchmark_rates=[{"mode": "pps", "value": 2000}])
    assert play("playbooks/benchmark.yml", **scenario).rc == 0
    plain, _ = stored(tmp_path / "results")
    assert plain["environment"]["sender"]["tuning"]["before"] is None
    assert play("playbooks/tune.yml", **TUNED).rc == 0
    done = play("playbooks/benchmark.yml", **scenario, **TUNED)
    assert done.rc == 0, done.stdout
    run, trials = stored(tmp_path / "results")
    sender = run["environment"]["sender"]
    assert sender["tuning"]["cpu"] == int(CPU)
    assert sender["tuning"]["before"]["offloads"]["gso"] == "on"
    assert sender["nic"]["offloads"]["generic-segmentation-offload"] is False
    assert run["environment"]["fingerprint"] != plain["environment"]["fingerprint"]
    assert [trial["process"]["cpus_allowed"] for trial in trials] == [CPU]
    assert [trial["verdict"]["reasons"] for trial in trials] == [[]]


def test_verify_sees_rings_flow_control_and_offloads_that_are_not_as_promised(lab, play, ethtool):
    assert play("playbooks/tune.yml", **TUNED).rc == 0
    good = play("playbooks/verify.yml", **TUNED)
    assert "sender1: 21 checks passed" in good.stdout
    inside("ethtool", "-G", "lrs0", "tx", "512")
    inside("ethtool", "-A", "lrs0", "rx", "on")
    inside("ethtool", "-K", "lrs0", "gso", "on")
    assert failed_checks(play, **TUNED) == [
        "sender1: The NIC's rings are as large as asked for: tx is 512, not 4096",
        "sender1: The NIC's flow control is as asked for: rx is on, not off",
        "sender1: The NIC's offloads are as asked for: gso is on, not off",
    ]
    assert json.loads(STATE.read_text())["before"]["rings"] == {"rx": "256", "tx": "256"}


def test_verify_sees_a_wish_that_the_host_cannot_have(lab, play):
    wish = {"sender_tuning_ok": True, "sender_tuning_governor": "ondemand"}
    (line,) = failed_checks(play, **wish)
    assert line.startswith("sender1: The sender can be set as asked for: sender_tuning_governor 'ondemand': cannot be")


@pytest.fixture
def cpufreq(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """The loopback lab, with a governor and an interrupt of its interface laid over what the machine has."""
    cpus, interfaces, irq = tmp_path / "cpu", tmp_path / "net", tmp_path / "irq"
    governor = cpus / "cpu0/cpufreq/scaling_governor"
    governor.parent.mkdir(parents=True)
    (cpus / "online").write_text("0-1\n")
    governor.write_text("powersave\n")
    (governor.parent / "scaling_available_governors").write_text("performance powersave\n")
    (cpus / "cpu1").symlink_to("cpu0")
    shutil.copytree(
        "/sys/class/net/lo",
        interfaces / "lo",
        symlinks=True,
        ignore=lambda folder, names: [
            name for name in names if name not in ("address", "carrier", "flags", "mtu", "operstate", "type")
        ],
    )
    number = min(Path("/proc/irq").glob("[0-9]*"), key=lambda path: int(path.name)).name
    (interfaces / "lo/device").mkdir()
    (interfaces / "lo/device/irq").write_text(f"{number}\n")
    irq.write_text("0-1\n")
    Path("/run/linerate/lab.json").write_text(json.dumps({"backend": "loopback", "reason": "tests"}))
    with ExitStack() as stack:
        stack.enter_context(mounted("--bind", str(cpus), "/sys/devices/system/cpu"))
        stack.enter_context(mounted("--bind", str(interfaces), "/sys/class/net"))
        stack.enter_context(mounted("--bind", str(irq), f"/proc/irq/{number}/smp_affinity_list"))
        yield governor, irq
    Path("/run/linerate/lab.json").unlink()


def test_verify_sees_a_governor_and_interrupts_that_are_not_as_promised(namespaces, play, cpufreq):
    governor, irq = cpufreq
    wish = {"sender_tuning_ok": True, "sender_tuning_core": "1"}
    done = play("playbooks/tune.yml", **wish)
    assert (done.rc, governor.read_text(), irq.read_text()) == (0, "performance", "0"), done.stdout
    good = play("playbooks/verify.yml", **wish)
    assert "sender1: 21 checks passed" in good.stdout
    governor.write_text("powersave\n")
    irq.write_text("0-1\n")
    number = min(Path("/proc/irq").glob("[0-9]*"), key=lambda path: int(path.name)).name
    assert failed_checks(play, **wish) == [
        "sender1: The CPUs have the governor asked for: cpu0 is powersave, not performance, "
        "cpu1 is powersave, not performance",
        f"sender1: The NIC's interrupts go where asked for: {number} is 0-1, not 0",
    ]

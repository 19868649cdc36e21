"""playbooks/tune.yml on the lab: the sender is tuned, verified, recorded by the run, and restored."""

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
from tests.integration.test_benchmark import short, stored
from tests.integration.test_restoring_after_a_trial import children
from tests.integration.test_verify import failed_checks
from tests.integration.trials import Trial, make_pcap

STANDIN = Path(__file__).parents[1] / "standin/ethtool"
STATE = Path("/run/linerate/tuning.json")
CPU = str(max(os.sched_getaffinity(0)))
OFFLOADS = {"gso": False, "tx-checksumming": False}
TUNED = {"sender_tuning_ok": True, "sender_tuning_core": CPU, "sender_tuning_offloads": OFFLOADS}
HOLD_LOCK = """
import sys
from linerate.system.lock import sole_sender
with sole_sender("lrs0", "a trial of the test"):
    print("held", flush=True)
    sys.stdin.read()
"""
OVERLAID = ("/usr/local/lib", "/var/cache", "/var/lib", "/opt")


@pytest.fixture(autouse=True)
def remove_state() -> Iterator[None]:
    """Remove the stored settings after each test."""
    yield
    STATE.unlink(missing_ok=True)


def inside(*command: str) -> str:
    """The output of a command in the sender's namespace."""
    argv = ["ip", "netns", "exec", "linerate-sender1", *command]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def offloads() -> dict[str, bool]:
    """The offloads that can be changed, by ethtool's long names."""
    found = re.findall(
        r"^\t?([a-z0-9-]+): (on|off)( \[requested \w+\])?$", inside("ethtool", "-k", "lrs0"), re.MULTILINE
    )
    return {name: value == "on" for name, value, _ in found}


@contextmanager
def mounted(*words: str) -> Iterator[None]:
    """A mount in the mount namespace of the tests; ``words`` are mount(8)'s arguments, the mount point last."""
    subprocess.run(["mount", *words], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", words[-1]], check=True)


@pytest.fixture
def own_places(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Overlays of the folders that restore removes files from; returns variables that move the rest."""
    with ExitStack() as stack:
        layers = tmp_path / "layers"
        layers.mkdir()
        stack.enter_context(mounted("-t", "tmpfs", "linerate-tests", str(layers)))
        for name in OVERLAID:
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
    """A stand-in for ethtool that gives the lab's interface rings and flow control."""
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


def test_without_consent_changes_are_only_reported(lab, play):
    before = offloads()
    done = play("playbooks/tune.yml", **{**TUNED, "sender_tuning_ok": False})
    assert (done.rc, done.changed_tasks) == (0, 0), done.stdout
    assert "Nothing was changed: sender_tuning_ok is false." in done.stdout
    assert "offloads: would apply: ethtool -K lrs0 gso off" in done.stdout
    assert "rings: not available: the driver of lrs0 has no configurable rings" in done.stdout
    assert offloads() == before
    assert not STATE.exists()


@pytest.mark.long
def test_tune_verify_and_restore(lab, play, own_places):
    before = offloads()
    predicted = play("playbooks/tune.yml", "--check --diff", **TUNED)
    assert (predicted.rc, predicted.changed_tasks) == (0, 1), predicted.stdout
    assert "-offloads gso: on" in predicted.stdout
    assert "+offloads gso: off" in predicted.stdout
    assert (offloads(), STATE.exists()) == (before, False)

    done = play("playbooks/tune.yml", **TUNED)
    assert (done.rc, done.changed_tasks) == (0, 1), done.stdout
    tuned = offloads()
    assert (tuned["generic-segmentation-offload"], tuned["tx-checksum-ip-generic"]) == (False, False)
    assert STATE.stat().st_mode & 0o777 == 0o600
    settings = STATE.read_text()
    again = play("playbooks/tune.yml", **TUNED)
    assert (again.rc, again.changed_tasks, STATE.read_text()) == (0, 0, settings), again.stdout
    assert play("playbooks/verify.yml", **TUNED).rc == 0

    predicted = play("playbooks/restore.yml", "--check", **own_places)
    assert (predicted.rc, offloads()) == (0, tuned), predicted.stdout
    assert predicted.changed_tasks > 0
    back = play("playbooks/restore.yml", **own_places)
    assert back.rc == 0, back.stdout
    assert (offloads(), STATE.exists()) == (before, False)
    again = play("playbooks/restore.yml", **own_places)
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout


def kill(trial: Trial) -> None:
    """Kill a trial with its cleanup process, which would restore the interface; tcpreplay ends with the module."""
    inside("ip", "link", "set", "dev", "lrs0", "promisc", "on")
    for pid in (*children(trial.process.pid), trial.process.pid):
        os.kill(pid, signal.SIGKILL)
    trial.gone()


@pytest.mark.long
def test_restore_is_refused_during_a_trial_and_restores_after_an_interrupted_one(lab, play, tmp_path, own_places):
    argv = ["ip", "netns", "exec", "linerate-sender1", sys.executable, "-c", HOLD_LOCK]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        refused = play("playbooks/restore.yml", **own_places)
    assert "interface 'lrs0': is in use: a trial of the test" in " ".join(refused.failures), refused.stdout
    kill(Trial(make_pcap(tmp_path / "test.pcap")).sending())
    step = "ip link set dev lrs0 promisc off"
    assert step in play("playbooks/restore.yml", "--check", **own_places).stdout
    assert step in play("playbooks/restore.yml", **own_places).stdout
    again = play("playbooks/restore.yml", **own_places)
    assert (again.rc, again.changed_tasks) == (0, 0), again.stdout


def test_interrupted_trial_is_restored_before_tuning(lab, play, tmp_path):
    kill(Trial(make_pcap(tmp_path / "test.pcap")).sending())
    done = play("playbooks/tune.yml", **TUNED)
    assert (done.rc, done.changed_tasks) == (0, 1), done.stdout
    assert "restored after an interrupted trial: ip link set dev lrs0 promisc off" in " ".join(done.stdout.split())
    tuned = offloads()
    assert tuned["generic-segmentation-offload"] is False
    assert Trial(make_pcap(tmp_path / "next.pcap"), pps=2000, loop=1).result()["claim"]["successful"] == 2000
    assert offloads() == tuned


def test_unsupported_value_is_refused(lab, play):
    before = offloads()
    refused = play("playbooks/tune.yml", **TUNED, sender_tuning_rings="4096")
    assert refused.failures == (
        "sender_tuning_rings '4096': is not available on this host: the driver of lrs0 has no configurable rings. "
        "Set a supported value or remove the variable.",
    )
    assert (offloads(), STATE.exists()) == (before, False)


def test_interface_with_the_default_route_is_refused(lab, play):
    before = offloads()
    subprocess.run(["ip", "-n", "linerate-sender1", "address", "add", "198.18.0.9/24", "dev", "lrs0"], check=True)
    subprocess.run(["ip", "-n", "linerate-sender1", "route", "add", "default", "via", "198.18.0.1"], check=True)
    refused = play("playbooks/tune.yml", **TUNED)
    assert "interface 'lrs0': carries the default route" in " ".join(refused.failures)
    assert (offloads(), STATE.exists()) == (before, False)


@pytest.mark.long
def test_run_records_the_tuning(lab, play, tmp_path):
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


def test_verify_reports_wrong_rings_flow_control_and_offloads(lab, play, ethtool):
    assert play("playbooks/tune.yml", **TUNED).rc == 0
    good = play("playbooks/verify.yml", **TUNED)
    assert "sender1: 21 checks passed" in good.stdout
    inside("ethtool", "-G", "lrs0", "tx", "512")
    inside("ethtool", "-A", "lrs0", "rx", "on")
    inside("ethtool", "-K", "lrs0", "gso", "on")
    assert failed_checks(play, **TUNED) == [
        "sender1: The NIC's rings have the configured size: tx is 512, not 4096",
        "sender1: The NIC's flow control is as configured: rx is on, not off",
        "sender1: The NIC's offloads are as configured: gso is on, not off",
    ]
    assert json.loads(STATE.read_text())["before"]["rings"] == {"rx": "256", "tx": "256"}


def test_verify_reports_an_unsupported_value(lab, play):
    options = {"sender_tuning_ok": True, "sender_tuning_governor": "ondemand"}
    (line,) = failed_checks(play, **options)
    assert line.startswith(
        "sender1: The sender supports the configured tuning: sender_tuning_governor 'ondemand': is not"
    )


@pytest.fixture
def cpufreq(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """The loopback lab, with a simulated governor and a simulated interrupt of its interface."""
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


def test_verify_reports_a_wrong_governor_and_interrupts(namespaces, play, cpufreq):
    governor, irq = cpufreq
    options = {"sender_tuning_ok": True, "sender_tuning_core": "1"}
    done = play("playbooks/tune.yml", **options)
    assert (done.rc, governor.read_text(), irq.read_text()) == (0, "performance", "0"), done.stdout
    good = play("playbooks/verify.yml", **options)
    assert "sender1: 21 checks passed" in good.stdout
    governor.write_text("powersave\n")
    irq.write_text("0-1\n")
    number = min(Path("/proc/irq").glob("[0-9]*"), key=lambda path: int(path.name)).name
    assert failed_checks(play, **options) == [
        "sender1: The CPUs have the configured governor: cpu0 is powersave, not performance, "
        "cpu1 is powersave, not performance",
        f"sender1: The NIC's interrupts go to the configured CPUs: {number} is 0-1, not 0",
    ]

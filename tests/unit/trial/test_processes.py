"""The shares of several processes, their sum, and what a scenario may request of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from trial_parts import sent

from linerate.controller.scenario import Request, processes_of, request_of
from linerate.errors import InputError
from linerate.pcap.spec import PcapSpec
from linerate.pcap.template import build_templates
from linerate.pcap.writer import write_pcap
from linerate.trial.ad_hoc import ad_hoc_trial
from linerate.trial.engines.registry import engine
from linerate.trial.evidence import Claim, PartSent
from linerate.trial.processes import shares, total_claim
from linerate.tuning.sending_cpus import SendingResources, sending_resources

MACS = {"src_mac": "02:00:00:00:00:01", "dst_mac": "02:00:00:00:00:02"}


def test_the_shares_add_up_and_a_part_without_packets_has_no_process(tmp_path: Path):
    path = str(tmp_path / "a.pcap")
    spec = PcapSpec("udp", packets=9, **MACS)
    write_pcap(path, spec, build_templates(spec))
    usual = {"interface": "lo", "pcap": path, "allow_destinations": [], "deadline_seconds": 9, "loop": 3}
    kernel, folder = engine("kernel"), str(tmp_path / "parts")
    some = shares(ad_hoc_trial({**usual, "pps": 90.0, "limit": 20, "processes": 2}), kernel, folder)
    assert [(one.offered.value, one.sending.limit) for one in some] == [(50.0, 11), (40.0, 9)]
    assert all(one.sending.cpu is not None and one.case.pcap.startswith(folder) for one in some)
    assert len(shares(ad_hoc_trial({**usual, "pps": 90.0, "limit": 1, "processes": 2}), kernel, folder)) == 1
    mbps = shares(ad_hoc_trial({**usual, "mbps": 9.0, "processes": 3}), kernel, folder)
    assert [one.offered.value for one in mbps] == [3.0, 3.0, 3.0]
    top = shares(ad_hoc_trial({**usual, "topspeed": True, "processes": 2}), kernel, folder)
    assert [(one.offered.value, one.sending.loop, one.sending.limit) for one in top] == [(None, 3, None)] * 2


def part(claim: Claim | None, started: float | None = 0.0, error: str | None = None) -> PartSent:
    return PartSent(("tcpreplay",), 1, "0", None, 0, started, claim, error, "")


def test_the_sum_is_from_the_first_start_to_the_last_end():
    claim = sent().claim
    assert claim
    total, error = total_claim([part(claim, 0.001), part(claim, 0.003)])
    assert total
    assert error is None
    assert (total.packets, total.bytes, total.successful) == (2 * claim.packets, 2 * claim.bytes, 2 * claim.successful)
    assert total.seconds == pytest.approx(claim.seconds + 0.002)
    assert total.pps == pytest.approx(2 * claim.packets / total.seconds)


def test_without_one_count_there_is_no_sum():
    assert total_claim([part(sent().claim), part(None, error="it was killed")]) == (None, "process 2: it was killed")


@pytest.mark.parametrize(
    ("entry", "request_"),
    [
        ("xdp", Request("xdp")),
        ({"engine": "xdp", "processes": 2}, Request("xdp", None, 2)),
        ({"engine": "kernel", "processes": "auto"}, Request("kernel", None, None)),
        ({"engine": "xdp", "processes": "3", "adapter": "copy"}, Request("xdp", "copy", 3)),
    ],
)
def test_an_engine_is_a_name_or_has_processes(entry: object, request_: Request):
    assert request_of(entry) == request_


@pytest.mark.parametrize("entry", [7, ["xdp"], {"processes": 2}, {"engine": "xdp", "process": 2}])
def test_what_is_no_engine_is_refused(entry: object):
    with pytest.raises(InputError, match=r"benchmark_engines.*must be the name of an engine, or \{engine, processes"):
        request_of(entry)


@pytest.mark.parametrize("number", [0, -1, 65, 1.5, True, "two"])
def test_a_number_of_processes_that_is_none_is_refused(number: object):
    with pytest.raises(InputError, match="must be 1 to 64, or auto, for xdp"):
        processes_of("xdp", number)
    with pytest.raises(InputError, match="must be 1, for netmap"):
        processes_of("netmap", 2)


def test_the_times_of_one_pcap_need_one_process():
    with pytest.raises(InputError, match="processes 2: cannot keep the times"):
        ad_hoc_trial(
            {"interface": "lo", "pcap": "/a", "allow_destinations": [], "deadline_seconds": 9, "multiplier": 1.0}
            | {"processes": 2}
        )


def test_queues_bound_the_processes():
    xdp = engine("xdp")
    assert xdp.processes_unavailable(2, "copy", 2) is None
    assert "the interface has 2" in str(xdp.processes_unavailable(3, "copy", 2))
    assert engine("kernel").processes_unavailable(3, None, 1) is None


def test_auto_leaves_a_core_and_uses_the_node_of_the_nic(tmp_path: Path):
    files = {"devices/system/cpu/online": "0-7", "devices/system/node/node1/cpulist": "4-7"}
    files["class/net/ens4/device/numa_node"] = "1"
    for cpu in range(8):
        files[f"devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"] = f"{cpu % 4 // 2 * 2 + cpu // 4 * 4}-{cpu}"
    files |= {f"class/net/ens4/queues/tx-{n}/xps_cpus": "" for n in range(3)}
    for name, text in files.items():
        path = tmp_path / "sys" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = sending_resources("ens4", str(tmp_path))
    assert found == SendingResources((4, 6, 5, 7), 2, 3)
    assert (found.automatic, found.assigned(7)) == (1, (7, 4, 6, 5))
    assert SendingResources(tuple(range(16)), 16, 4).automatic == 4

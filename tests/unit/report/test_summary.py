"""The summary starts with the verdict, merges repeats, and gives every number its unit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from synthetic_run import (
    invalid,
    make_run,
    not_valid,
    on_a_real_link,
    read_info,
    read_trials,
    set_rate,
    through_netmap,
    unwitness,
    write_info,
    write_trials,
)

from linerate.report.summary import summary_markdown
from linerate.results.read import load_run


def summary(folder: Path) -> str:
    return summary_markdown(load_run(folder))


def rows(text: str, table: int) -> list[list[str]]:
    """The cells of a table's rows, its header left out."""
    blocks = [block for block in text.split("\n\n") if block.startswith("| Case")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in blocks[table].splitlines()[2:]]


def test_the_verdict_is_the_first_sentence(run_dir: Path) -> None:
    assert summary(run_dir).splitlines()[:3] == ["# Run synthetic-run", "", "**4 of 4 trials valid.**"]


def test_planned_trials_without_a_result_are_counted_and_named(run_dir: Path) -> None:
    records = read_trials(run_dir)
    write_trials(run_dir, records[:3])
    text = summary(run_dir)
    assert "**3 of 3 trials valid. 1 of 4 planned trials have no result.**" in text
    assert f"Planned, without a result: 1 of 4 trials ({records[3]['trial_id']})." in text


def test_a_run_without_trials_has_no_results(tmp_path: Path) -> None:
    text = summary(make_run(tmp_path / "run", 0))
    assert "**No trial has ended yet; 0 trials planned.**" in text
    assert "## Results" not in text
    assert "## Environment" in text


def test_pacing_is_shown_by_the_gaps_between_packets_as_it_is_judged(run_dir: Path) -> None:
    run = load_run(run_dir)
    slow = [
        replace(
            trial,
            offered=replace(trial.offered, pps=10.0),
            claim=replace(trial.claim, packets=50, seconds=4.9, pps=10.2),
        )
        for trial in run.trials
        if trial.offered.paced_pps
    ]
    text = summary_markdown(replace(run, trials=tuple(slow)))
    assert f"Pacing: {len(slow)} valid paced trials sent within 0.04 % of the offered rate." in text


def test_repeats_are_merged_to_their_median_and_the_worst_loss(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", 24)
    records = read_trials(folder)
    for place, (pps, lost) in zip((1, 9, 17), ((100_000.0, 0.0), (400_000.0, 5.0), (200_000.0, 0.0))):
        set_rate(records[place], pps, lost)
    write_trials(folder, records)
    cv = f"{max(records[place]['cv_percent'] for place in (1, 9, 17)):.2f}"
    rates_row = rows(summary(folder), 0)[1]
    assert rates_row == [
        "tcp_port_scan_64, kernel", "78 B", "top speed", "200,000", "200,000", "5.000", cv, "sender core", "3/3",
    ]  # fmt: skip
    bits_row = rows(summary(folder), 1)[1]
    # 200,000 frames/s of 78 B: 102 B on the link, 82 B with FCS.
    assert bits_row == ["tcp_port_scan_64, kernel", "top speed", "received", "163.20", "131.20", "124.80"]
    on_a_real_link(folder)
    assert rows(summary(folder), 1)[1][2:5] == ["received", "1.63", "163.20"]


def test_an_invalid_repeat_does_not_count(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", 24)
    records = read_trials(folder)
    set_rate(records[1], 999_000)
    records[1]["verdict"] = not_valid("signal 9")
    set_rate(records[9], 100_000)
    set_rate(records[17], 100_000)
    write_trials(folder, records)
    text = summary(folder)
    assert rows(text, 0)[1][3:5] == ["100,000", "100,000"]
    assert rows(text, 0)[1][-1] == "2/3"
    assert "999,000" not in text
    assert f"- {records[1]['trial_id']}: signal 9" in text


def test_a_group_without_a_valid_trial_shows_none(run_dir: Path) -> None:
    records = read_trials(run_dir)
    write_trials(run_dir, [invalid(record, "no statistics", "exit status 255") for record in records])
    text = summary(run_dir)
    assert "**0 of 4 trials valid.**" in text
    assert rows(text, 0)[0][3:] == ["-", "-", "-", "-", "-", "0/1"]
    assert rows(text, 1)[0][2:] == ["no valid trial", "-", "-", "-"]
    assert f"- {records[0]['trial_id']}: no statistics; exit status 255" in text


def test_a_number_without_a_witness_is_marked(run_dir: Path) -> None:
    records = read_trials(run_dir)
    unwitness(records[0])
    unwitness(records[1])
    write_trials(run_dir, records)
    text = summary(run_dir)
    assert rows(text, 0)[0][4] == "not witnessed"
    assert rows(text, 0)[1][4] == "not witnessed"
    assert rows(text, 1)[0][2] == "sent, not witnessed"
    assert "Not witnessed at the receiver, judged by the sender alone: 2 of 4 trials" in text


def test_the_loopback_lab_is_shown_with_its_reason(run_dir: Path) -> None:
    info = read_info(run_dir)
    info["lab"] = {"backend": "loopback", "reason": "CAP_NET_ADMIN is missing"}
    write_info(run_dir, info)
    text = summary(run_dir)
    assert "Lab: embedded, loopback fallback: CAP_NET_ADMIN is missing." in text
    assert "**No packet left this host: the rates are of the kernel's loopback path" in text


def test_real_hosts_are_not_a_lab(run_dir: Path) -> None:
    info = read_info(run_dir)
    info["lab"] = None
    write_info(run_dir, info)
    assert "Lab: the hosts of the inventory." in summary(run_dir)
    assert "No packet left" not in summary(run_dir)


@pytest.mark.parametrize("prefix", ["", "not available on this host: "])
def test_an_engine_that_is_not_available_is_shown_with_its_reason(run_dir: Path, prefix: str) -> None:
    info = read_info(run_dir)
    info["plan"]["unavailable"][0]["reason"] = f"{prefix}the kernel has no loadable modules"
    write_info(run_dir, info)
    assert "Send method netmap: not available on this host: the kernel has no loadable modules." in summary(run_dir)


def test_a_trial_from_another_environment_is_named(run_dir: Path) -> None:
    records = read_trials(run_dir)
    records[2]["fingerprint"] = "f" * 16
    write_trials(run_dir, records)
    assert f"another environment than the one described: 1 of 4 trials ({records[2]['trial_id']})" in summary(run_dir)


def test_the_environment_is_shown(run_dir: Path) -> None:
    text = summary(run_dir)
    for part in (
        "kernel 6.18.5-synthetic",
        "Synthetic CPU @ 2.00GHz",
        "lrs0 (veth 1.0, 10 Gbit/s, MTU 1500 B)",
        "tcpreplay 4.4.3",
        "Fingerprint 00112233445566aa",
        "- % of line rate: not applicable, the link is virtual.",
        "- Sender machine: guest of KVM (QEMU Standard PC (Q35 + ICH9, 2009)), in a network namespace of its own",
        "- Sender attachment: software, 2 transmit queues",
        "- Sender best adapters: netmap native, AF_XDP copy, by the driver veth",
        "- Sender limits: The hypervisor took CPUs away from the guest. Pin them.",
    ):
        assert part in text.replace("\\", "")


def test_a_real_link_has_a_line_rate_and_so_has_one_whose_speed_was_given(run_dir: Path) -> None:
    records = read_trials(run_dir)
    for record in records:
        record["line_rate"]["source"] = "given"
    write_trials(run_dir, records)
    assert "Line rate: 10 Gbit/s (as given)" in summary(run_dir)
    for record in records:
        record["line_rate"]["source"] = "interface"
    write_trials(run_dir, records)
    assert "% of line rate)" not in summary(run_dir)
    on_a_real_link(run_dir)
    assert "Line rate: 10 Gbit/s (as the interface reports)" in summary(run_dir)
    assert "% of line rate)" in summary(run_dir)


def test_a_run_that_did_not_record_how_the_nic_is_attached(run_dir: Path) -> None:
    info = read_info(run_dir)
    for name in ("machine", "attachment"):
        del info["environment"]["sender"][name]
    write_info(run_dir, info)
    assert "- Sender machine: not recorded" in summary(run_dir)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a|b", r"a\|b"),
        ("<script>alert(1)</script>", r"\<script\>alert(1)\</script\>"),
        ("two\nlines", r"two\\x0alines"),
        ("\x1b[31mred", r"\\x1b\[31mred"),
        ("left\u202eright", r"left\\x202eright"),
        ("a&lt;b", r"a\&lt;b"),
        ("x" * 99, "x" * 39 + "…"),
    ],
)
def test_a_hostile_name_stays_one_cell_of_text(run_dir: Path, name: str, shown: str) -> None:
    records = read_trials(run_dir)
    records[0]["case"]["name"] = name
    write_trials(run_dir, records)
    assert rows(summary(run_dir), 0)[0][0] == f"{shown}, kernel"


def test_tables_line_up_and_no_line_ends_in_blanks(tmp_path: Path) -> None:
    text = summary(make_run(tmp_path / "run", 40))
    for block in text.split("\n\n"):
        if block.startswith("|"):
            assert len({len(line) for line in block.splitlines()}) == 1
    assert all(line == line.rstrip() for line in text.splitlines())


def test_400_trials_are_eight_rows(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", 400)
    write_trials(folder, [invalid(record, "no statistics") for record in read_trials(folder)])
    text = summary(folder)
    assert len(rows(text, 0)) == 8
    assert len(text.splitlines()) < 80
    assert "and 380 more: report.html lists every trial" in text


def test_adapters_have_rows_of_their_own_and_their_evidence_is_shown(run_dir: Path) -> None:
    kernel, native, emulated, other = read_trials(run_dir)
    for record in (native, emulated, other):
        record.update({name: kernel[name] for name in ("case", "offered")})
    write_trials(
        run_dir,
        [
            kernel,
            through_netmap(native, "native"),
            through_netmap(emulated, "emulated"),
            through_netmap(other, "native"),
        ],
    )
    text = summary(run_dir)
    names = [f"tcp_port_scan_64, {method}" for method in ("kernel", "netmap-native", "netmap-emulated")]
    assert [row[0] for row in rows(text, 0)] == [row[0] for row in rows(text, 1)] == names
    section = text.partition("## Adapters\n\n")[2].partition("\n\n")[0].splitlines()
    assert section == [
        f"- netmap-native, driver e1000, 2 of 4 trials ({native['trial_id']}, {other['trial_id']}): "
        "driver: e1000; /sys/module/netmap/parameters/admode: 1",
        f"- netmap-emulated, driver e1000, 1 of 4 trials ({emulated['trial_id']}): "
        "driver: e1000; /sys/module/netmap/parameters/admode: 2",
    ]


def test_an_adapter_that_is_not_available_is_named_with_its_reason(run_dir: Path) -> None:
    info = read_info(run_dir)
    reason = "not available on this host: ens4: its driver e1000 is not patched for netmap"
    info["plan"]["unavailable"] = [{"engine": "netmap", "adapter": "native", "reason": reason}]
    write_info(run_dir, info)
    assert f"- Send method netmap-native: {reason}.\n" in summary(run_dir)


def test_a_nic_that_does_not_count_is_named(run_dir: Path) -> None:
    records = read_trials(run_dir)
    nothing = dict.fromkeys(("tx_packets", "tx_bytes", "tx_dropped", "tx_errors"))
    records[1]["sender_nic"] = {"source": "not counted by the driver", **nothing}
    records[1]["disagreement"]["claim_minus_sender_nic"] = None
    write_trials(run_dir, records)
    text = summary(run_dir)
    assert f"Not counted by the sender's NIC: 1 of 4 trials ({records[1]['trial_id']})." in text

"""Every form of tcpreplay's statistics in the recorded outputs, right or refused, and never a wrong number."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from linerate.errors import StatisticsError
from linerate.tcpreplay.output import parse

FIXTURES = Path(__file__).parents[2] / "fixtures"

# file, packets, bytes, seconds, successful, failed, interrupted
COMPLETE = [
    ("tcpreplay/bad_mbps.txt", 1000, 78000, "0.008734", 1000, 0, False),
    ("tcpreplay/directory_arg.txt", 65600, 5084800, "1.04", 65600, 550, False),
    ("tcpreplay/dual_cache_wrong_pcap.txt", 1000, 78000, "0.063747", 1000, 0, False),
    ("tcpreplay/duration3_loop_big_nopreload.txt", 387067, 30191226, "3.61", 387067, 0, False),
    ("tcpreplay/duration_pps10.txt", 2, 156, "5.00", 2, 0, False),
    ("tcpreplay/in_badlen_K.txt", 500, 39000, "0.001789", 500, 0, False),
    ("tcpreplay/in_nanomagic.txt", 1000, 78000, "0.012331", 1000, 0, False),
    ("tcpreplay/in_rawlink.txt", 1000, 64000, "0.004318", 1000, 0, False),
    ("tcpreplay/in_trunc_data.txt", 30000, 2340000, "0.408138", 30000, 0, False),
    ("tcpreplay/in_trunc_data_K_loop3.txt", 90000, 7020000, "0.778557", 90000, 0, False),
    ("tcpreplay/in_trunc_rechdr_K.txt", 30000, 2340000, "0.250109", 30000, 0, False),
    ("tcpreplay/limit.txt", 10, 780, "0.000057", 10, 0, False),
    ("tcpreplay/loop0_duration3.txt", 451578, 35223084, "3.50", 451578, 0, False),
    ("tcpreplay/mbps_neg.txt", 2000, 156000, "0.030581", 2000, 0, False),
    ("tcpreplay/multi_pcap_K_loop2.txt", 4000, 312000, "0.016872", 4000, 0, False),
    ("tcpreplay/multiplier_timestamps_1us.txt", 1000, 78000, "0.005416", 1000, 0, False),
    ("tcpreplay/nonroot_netraw.txt", 1000, 78000, "0.002980", 1000, 0, False),
    ("tcpreplay/normal_K_loop_mbps.txt", 129022, 10063716, "1.00", 129022, 0, False),
    ("tcpreplay/oversize_mixed_K_loop3.txt", 300, 23400, "0.001235", 300, 150, False),
    ("tcpreplay/peer_down.txt", 1000, 78000, "0.002003", 1000, 0, False),
    ("tcpreplay/sigint_slowpps.txt", 3, 234, "1.32", 2, 0, True),
    ("tcpreplay/stats0.txt", 3000, 234000, "0.011537", 3000, 0, False),
    ("tcpreplay/stdin.txt", 1000, 78000, "0.003289", 1000, 0, False),
    ("tcpreplay-netmap/admode2-emul-64-topspeed.txt", 64511, 5031858, "2.96", 64511, 0, False),
    ("tcpreplay-netmap/fail-native-frame1614-mtu1500-netmap.txt", 100, 161400, "0.990573", 100, 0, False),
    ("tcpreplay-netmap/fail-native-nocarrier-kernel-455.txt", 1000, 78000, "0.999042", 1000, 0, False),
    ("tcpreplay-netmap/fail-native-pcap-trunc.txt", 3191, 248898, "0.042663", 3191, 0, False),
    ("tcpreplay-netmap/matrix-intree_emul-kernel-1500-mbps20.txt", 64511, 97669654, "39.07", 64511, 0, False),
    ("tcpreplay-netmap/matrix-intree_emul-kernel-64-mbps2.txt", 64511, 5031858, "20.13", 64511, 0, False),
    ("tcpreplay-netmap/matrix-intree_emul-netmap-1500-mbps20.txt", 64511, 97669654, "39.06", 64511, 0, False),
    ("tcpreplay-netmap/matrix-intree_emul-netmap-64-mbps2.txt", 64511, 5031858, "20.12", 64511, 0, False),
    ("tcpreplay-netmap/matrix-native-kernel-1500-topspeed.txt", 64511, 97669654, "11.62", 64511, 0, False),
    ("tcpreplay-netmap/matrix-native-netmap-1500-mbps20.txt", 20000, 30280000, "12.11", 20000, 0, False),
    ("tcpreplay-netmap/matrix-native-netmap-64-mbps2.txt", 20000, 1560000, "6.26", 20000, 0, False),
    ("tcpreplay-netmap/opt-native-duration3.txt", 6001, 468078, "3.00", 6001, 0, False),
    ("tcpreplay-netmap/opt-native-stats1.txt", 8000, 624000, "4.00", 8000, 0, False),
    ("tcpreplay-netmap/port-netmap_ens16.txt", 1000, 78000, "1.00", 1000, 0, False),
    ("tcpreplay-netmap/sig-emul-KILL-then-kernel.txt", 2000, 156000, "1.15", 2000, 0, False),
    ("tcpreplay-netmap/sig-kernel-INT.txt", 10760, 839280, "5.38", 10759, 0, True),
    ("tcpreplay-netmap/sig-native-INT.txt", 5858, 456924, "2.95", 5858, 0, True),
    ("tcpreplay-netmap/sig-native-KILL-then-netmap.txt", 2000, 156000, "1.16", 2000, 0, False),
    ("tcpreplay-netmap/two-native-B.txt", 1000, 78000, "2.00", 1000, 0, False),
    ("tcpreplay-netmap/ver455-native-64-pps.txt", 3000, 234000, "2.99", 3000, 0, False),
    ("tcpreplay-netmap/veth-emul-netmap-64-loop5-mbps4.txt", 30000, 2340000, "4.68", 30000, 0, False),
    ("tcpreplay-netmap/veth-kernel-1500-topspeed.txt", 64511, 97669654, "2.60", 64511, 0, False),
]
REFUSED = [
    ("tcpreplay/in_empty0_K.txt", "Error opening pcap file: truncated dump file; tried to read "),
    ("tcpreplay/in_hdronly_K.txt", "tcpreplay prints none when it sent nothing, when it was kill"),
    ("tcpreplay/in_notpcap_K.txt", "Error opening pcap file: unknown file format"),
    ("tcpreplay/in_trunc_ghdr.txt", "Error opening pcap file: truncated dump file; tried to read "),
    ("tcpreplay/interface_down.txt", "failed to open device vs0: error opening vs0: Network is dow"),
    ("tcpreplay/loop_negative.txt", "loop option value -1 is out of range."),
    ("tcpreplay/mtu1400_1514B_frames.txt", "Message too long (errno = 90)"),
    ("tcpreplay/multi_pcap_second_notpcap.txt", "Error opening pcap file: unknown file format"),
    ("tcpreplay/no_file.txt", "Command line arguments required"),
    ("tcpreplay/no_interface_option.txt", "The intf1 option is required"),
    ("tcpreplay/oversize_1515.txt", "Message too long (errno = 90)"),
    ("tcpreplay/oversize_1519.txt", "Message too long (errno = 90)"),
    ("tcpreplay/oversize_9014.txt", "Message too long (errno = 90)"),
    ("tcpreplay/pcap_missing_K.txt", "Unable to retrieve information from file in/does_not_exist.p"),
    ("tcpreplay/peer_mtu1400_1514B_frames.txt", "tcpreplay prints none when it sent nothing, when it was kill"),
    ("tcpreplay/quick_tx.txt", "illegal option -- quick-tx"),
    ("tcpreplay/sighup.txt", "tcpreplay prints none when it sent nothing, when it was kill"),
    ("tcpreplay/sigkill.txt", "tcpreplay prints none when it sent nothing, when it was kill"),
    ("tcpreplay/timer_ioport.txt", "tcpreplay not compiled with IO Port 0x80 support"),
    ("tcpreplay/unknown_option.txt", "illegal option -- foo"),
    ("tcpreplay/xdp.txt", "illegal option -- xdp"),
    ("tcpreplay-netmap/fail-emul-nocarrier-netmap.txt", "failed to open device ens16: interface ens16 is not running "),
    ("tcpreplay-netmap/fail-native-frame9014-kernel.txt", "Message too long (errno = 90)"),
    ("tcpreplay-netmap/fail-native-ifdown-kernel.txt", "failed to open device ens16: error opening ens16: Network is"),
    (
        "tcpreplay-netmap/fail-native-nocarrier-netmap.txt",
        "failed to open device ens16: interface ens16 is not running ",
    ),
    ("tcpreplay-netmap/fail-native-noif-netmap.txt", "Unable to parse args: Invalid interface name/alias: nope0"),
    (
        "tcpreplay-netmap/fail-native-pcap-missing-noK.txt",
        "Unable to retrieve information from file /nonexistent.pcap: ",
    ),
    ("tcpreplay-netmap/fail-native-pcap-notpcap.txt", "Error opening pcap file: unknown file format"),
    (
        "tcpreplay-netmap/fail-swiotlb-native-netmap-1500-mbps20.txt",
        "failed to open device ens16: Failure accessing netmap. Reque",
    ),
    (
        "tcpreplay-netmap/fail-swiotlb-native-netmap-64-mbps2.txt",
        "failed to open device ens16: Failure accessing netmap. Reque",
    ),
    ("tcpreplay-netmap/port-pipe.txt", "Unable to parse args: Unable to connect to netmap interface "),
    ("tcpreplay-netmap/port-vale01.txt", "Unable to parse args: Unable to connect to netmap interface "),
    ("tcpreplay-netmap/sig-emul-KILL.txt", "tcpreplay prints none when it sent nothing, when it was kill"),
    ("tcpreplay-netmap/sig-native-TERM.txt", "tcpreplay prints none when it sent nothing, when it was kill"),
    ("tcpreplay-netmap/ver451-native-64-pps.txt", "failed to open device ens16: nm_do_ioctl: No such file or di"),
    (
        "tcpreplay-netmap/virtio-emul-netmap-64-topspeed.txt",
        "failed to open device ens18: nm_do_ioctl: Operation not supp",
    ),
]

NORMAL = (FIXTURES / "tcpreplay/normal_K_loop_mbps.txt").read_text()
NETMAP_BLOCK = """\
Actual: 322555000 packets (25159290000 bytes) sent in 201.27 seconds
Rated: 125000198.7 Bps, 1000.00 Mbps, 1602566.65 pps
Failed write attempts: 7
Flows: 64511 flows, 320.51 fps, 322555000 flow packets, 0 non-flow
Statistics for network device: ens17
\tSuccessful packets:        322555000
\tFailed packets:            0
\tTruncated packets:         0
\tRetried packets (ENOBUFS): 0
\tRetried packets (EAGAIN):  357180
"""


@pytest.mark.parametrize("recorded", COMPLETE, ids=lambda recorded: recorded[0])
def test_recorded_output_is_read(recorded):
    file, *expected = recorded
    found = parse((FIXTURES / file).read_text())
    totals = (found.totals.packets, found.totals.bytes, str(found.totals.seconds))
    assert [*totals, found.successful, found.failed, found.interrupted] == expected


@pytest.mark.parametrize(("file", "reason"), REFUSED)
def test_recorded_output_is_refused_with_its_reason(file, reason):
    with pytest.raises(StatisticsError, match=re.escape(reason)):
        parse((FIXTURES / file).read_text())


def test_every_recorded_output_is_in_one_of_the_tables():
    recorded = {str(path.relative_to(FIXTURES)) for path in FIXTURES.glob("tcpreplay*/*.txt")}
    assert recorded >= {row[0] for row in COMPLETE} | {row[0] for row in REFUSED}
    assert {row[0] for row in COMPLETE} | {row[0] for row in REFUSED} == {
        name for name in recorded if not name.startswith("tcpreplay-version/")
    }


def test_all_fields_of_a_netmap_block():
    found = parse(NETMAP_BLOCK)
    assert found.totals.failed_write_attempts == 7
    assert found.retried_eagain == 357180
    assert found.flows is not None
    assert (found.flows.flows, found.flows.flow_packets) == (64511, 322555000)
    assert found.devices[0].name == "ens17"


def test_progress_is_kept_apart_from_the_totals():
    found = parse((FIXTURES / "tcpreplay-netmap/opt-native-stats1.txt").read_text())
    assert [totals.packets for totals in found.progress] == [1996, 4022, 6020]
    assert found.totals.packets == 8000


def test_abort_inside_a_line_is_taken_out():
    broken = NETMAP_BLOCK.replace("201.27", "201.sendpacket_abort\n27")
    found = parse(broken)
    assert found.totals.seconds == Decimal("201.27")
    assert found.interrupted


def test_a_terminal_transcript_with_both_streams_is_read():
    shell = "[root@bench ~]# tcpreplay -i ens17 -K --netmap --mbps 1000 X.pcap\n"
    noise = "Switching network driver for ens17 to netmap bypass mode... done!\nFile Cache is enabled\n"
    cut = NETMAP_BLOCK.replace("Statistics for", "^C User interrupt...\nsendpacket_abort\nStatistics for")
    found = parse((shell + noise + cut + "\x1b[0m[root@bench ~]# ").replace("\n", "\r\n"))
    assert found.interrupted
    assert found.totals.packets == 322555000


def test_interrupted_send_may_be_missing_from_the_device_and_no_other():
    one_less = NETMAP_BLOCK.replace("Successful packets:        322555000", "Successful packets:        322554999")
    with pytest.raises(StatisticsError, match="322554999 successful"):
        parse(one_less)
    assert parse("sendpacket_abort\n" + one_less).successful == 322554999
    with pytest.raises(StatisticsError, match="322554998 successful"):
        parse("sendpacket_abort\n" + one_less.replace("322554999", "322554998"))


def test_two_runs_in_one_file_are_refused():
    with pytest.raises(StatisticsError, match="2 runs"):
        parse(NETMAP_BLOCK + NETMAP_BLOCK)


@pytest.mark.parametrize("line", [0, 1, 4, 5, 6, 7, 8, 9])
def test_a_missing_line_is_refused(line):
    lines = NETMAP_BLOCK.splitlines(keepends=True)
    with pytest.raises(StatisticsError):
        parse("".join(lines[:line] + lines[line + 1 :]))


@pytest.mark.parametrize("line", range(1, 10))
def test_a_block_cut_after_any_line_is_refused(line):
    with pytest.raises(StatisticsError, match="no complete statistics"):
        parse("".join(NETMAP_BLOCK.splitlines(keepends=True)[:line]))


@pytest.mark.parametrize(
    ("shown", "changed"),
    [
        ("Actual: 322555000", "Actual: 322555001"),
        ("(25159290000 bytes)", "(35159290000 bytes)"),
        ("201.27 seconds", "211.27 seconds"),
        ("125000198.7 Bps", "126000198.7 Bps"),
        ("1000.00 Mbps", "100.00 Mbps"),
        ("1602566.65 pps", "1602.61 pps"),
        ("Successful packets:        322555000", "Successful packets:        322555"),
    ],
)
def test_numbers_that_contradict_each_other_are_refused(shown, changed):
    assert shown in NETMAP_BLOCK
    with pytest.raises(StatisticsError, match="contradicts itself"):
        parse(NETMAP_BLOCK.replace(shown, changed))


@pytest.mark.parametrize(
    ("shown", "cut"), [("201.27 seconds", "201.2 seconds"), ("198.7 Bps", "198. Bps"), ("566.65 pps", "566.6 pps")]
)
def test_numbers_that_lost_digits_are_refused(shown, cut):
    assert shown in NETMAP_BLOCK
    with pytest.raises(StatisticsError, match="no complete statistics"):
        parse(NETMAP_BLOCK.replace(shown, cut))


def test_old_form_with_a_dot_prints_tenths_as_hundredths():
    old = (
        "Actual: 7000 packets (546000 bytes) sent in 3.05 seconds.\n"
        "Rated: 154455.4 Bps, 1.23 Mbps, 1980.19 pps\n"
        "Statistics for network device: eth0\n\tAttempted packets:         7000\n"
        "\tSuccessful packets:        7000\n\tFailed packets:            0\n\tTruncated packets:         0\n"
        "\tRetried packets (ENOBUFS): 0\n\tRetried packets (EAGAIN):  0\n"
    )
    assert parse(old).totals.seconds == Decimal("3.5")


def test_nine_digit_seconds_are_read():
    text = NORMAL.replace("sent in 1.00 seconds", "sent in 1.006332123 seconds")
    assert parse(text).totals.seconds == Decimal("1.006332123")

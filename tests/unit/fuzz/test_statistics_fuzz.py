"""Changed outputs of tcpreplay are rejected, or have numbers that tcpreplay can print together.

What no text can contradict is listed in ``ALONE``: a changed digit there reads as another number. Failed packets
among them, which is why a trial's verdict never rests on the text alone.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from linerate.errors import StatisticsError
from linerate.tcpreplay.output import Flows, Statistics, Totals, parse

FIXTURES = Path(__file__).parents[2] / "fixtures"
SAMPLES = {
    f"{path.parent.name}/{path.name}": path.read_text()
    for path in sorted(FIXTURES.glob("tcpreplay*/*.txt"))
    if path.parent.name != "tcpreplay-version"
}
BLOCK = re.compile(r"(?:sendpacket_abort\n)*Actual: .*Retried packets \(EAGAIN\): +[0-9]+\n", re.DOTALL)
ALONE = {
    "devices": ("failed", "truncated", "retried_enobufs", "retried_eagain"),
    "flows": ("flow_packets", "non_flow_packets"),
    "totals": ("failed_write_attempts",),
}
"""Numbers that nothing else in the text depends on."""


def read(text: str) -> Statistics | None:
    """The statistics; None where they are rejected. Any other exception is a defect."""
    with suppress(StatisticsError):
        return parse(text)
    return None


COMPLETE = {name: BLOCK.search(text)[0] for name, text in SAMPLES.items() if read(text)}


@cache
def printed(packets: int, amount: int, flows: int, microseconds: int) -> tuple[str, ...]:
    """Seconds, Bps, Mbps, pps and fps as packet_stats() and flow_stats() of tcpreplay 4.2 to 4.6 print them."""
    whole, part = divmod(microseconds, 10**6)
    seconds = f"{whole}.{part // 10000:02}" if whole else f"{whole}.{part:06}"
    bps, pps, fps = 0, 0, flows * 10**8 // microseconds if microseconds else 0
    if microseconds and packets and amount:
        thousands = amount > 10**9 and microseconds > 10**6
        divisor, factor = (microseconds // 1000, 1000) if thousands else (microseconds, 10**6)
        bps, pps = amount * 10 * factor // divisor, packets * 100 * factor // divisor
    thousandths = bps // 10 * 8 // 1000
    mbps = f"{thousandths // 1000}.{thousandths // 10 % 100:02}" if thousandths >= 1000 else f"0.{thousandths:03}"
    return seconds, f"{bps // 10}.{bps % 10}", mbps, f"{pps // 100}.{pps % 100:02}", f"{fps // 100}.{fps % 100:02}"


@cache
def can_be_printed(totals: Totals, flows: Flows | None) -> bool:
    """Whether tcpreplay prints these numbers for any time of sending: all are tried."""
    first, places = int(totals.seconds * 10**6), -int(totals.seconds.as_tuple().exponent)
    shown = [totals.seconds, totals.bytes_per_second, totals.mbps, totals.pps, *([flows.fps] if flows else [])]
    for microseconds in range(first, first + 10 ** max(0, 6 - places)):
        tried = printed(totals.packets, totals.bytes, flows.flows if flows else 0, microseconds)
        if all(Decimal(text) == number for text, number in zip(tried, shown, strict=False)):
            return True
    return False


def assert_consistent(found: Statistics | None) -> None:
    if found is None:
        return
    assert can_be_printed(found.totals, found.flows)
    for progress in found.progress:
        assert can_be_printed(progress, None)
    assert found.totals.packets - found.successful in ((0, 1) if found.interrupted else (0,))


def without_independent(found: Statistics) -> Statistics:
    """The statistics without the numbers that nothing else depends on."""
    return replace(
        found,
        totals=replace(found.totals, **dict.fromkeys(ALONE["totals"], 0)),
        progress=(),
        flows=found.flows and replace(found.flows, **dict.fromkeys(ALONE["flows"], 0)),
        devices=tuple(replace(device, **dict.fromkeys(ALONE["devices"], 0)) for device in found.devices),
    )


@pytest.mark.parametrize("sample", COMPLETE)
def test_another_digit_is_rejected_or_changes_no_more_than_the_rounding(sample: str) -> None:
    block = COMPLETE[sample]
    original = parse(block)
    accepted = 0
    for at in (match.start() for match in re.finditer("[0-9]", block)):
        for digit in "0123456789".replace(block[at], ""):
            found = read(block[:at] + digit + block[at + 1 :])
            assert_consistent(found)
            if found is None:
                continue
            accepted += 1
            was, now = without_independent(original), without_independent(found)
            assert now.successful == was.successful or found.interrupted
            assert now.totals.packets == was.totals.packets or found.interrupted
            # The last printed digit of pps and of Bps, as shares: no number may differ by more.
            share = Decimal("0.01") / was.totals.pps + Decimal("0.1") / was.totals.bytes_per_second
            for name in ("bytes", "seconds", "bytes_per_second", "pps"):
                assert abs(getattr(now.totals, name) / getattr(was.totals, name) - 1) <= share
    assert accepted < 9 * len(re.findall("[0-9]", block)) / 2


@pytest.mark.parametrize("name", COMPLETE)
def test_an_added_or_missing_digit_is_rejected_or_can_be_printed(name: str) -> None:
    block = COMPLETE[name]
    for at in (match.start() for match in re.finditer("[0-9]", block)):
        assert_consistent(read(block[:at] + block[at + 1 :]))
        assert_consistent(read(block[:at] + block[at] + block[at:]))


@pytest.mark.parametrize("name", COMPLETE)
def test_an_interruption_at_any_place_changes_no_number(name: str) -> None:
    block = COMPLETE[name]
    original = replace(parse(block), interrupted=True)
    for at in range(len(block) + 1):
        found = read(f"{block[:at]}sendpacket_abort\n{block[at:]}")
        assert found in (None, original)
        # It may hide a line only inside another interruption.
        assert found or "sendpacket_abort" in block[max(0, at - 16) : at + 16]


@pytest.mark.parametrize("name", COMPLETE)
def test_lost_repeated_or_exchanged_lines_are_rejected_or_consistent(name: str) -> None:
    lines = COMPLETE[name].splitlines(keepends=True)
    for one in range(len(lines)):
        assert_consistent(read("".join(lines[:one] + lines[one + 1 :])))
        assert_consistent(read("".join(lines[: one + 1] + lines[one:])))
        for other in range(one):
            changed = list(lines)
            changed[one], changed[other] = changed[other], changed[one]
            assert_consistent(read("".join(changed)))


@pytest.mark.parametrize("name", COMPLETE)
def test_a_block_printed_twice_is_one_block_or_rejected(name: str) -> None:
    block = COMPLETE[name]
    pair = "".join(re.findall(r"(?:Actual|Rated): .*\n", block)[-2:])
    found = read(block.replace(pair, pair + pair, 1))
    assert found is not None
    assert replace(found, progress=()) == replace(parse(block), progress=())
    assert read(block + block) is None


def test_lines_of_two_runs_are_never_mixed() -> None:
    blocks = [block.splitlines(keepends=True) for block in COMPLETE.values()]
    for one in blocks:
        for other in blocks:
            for cut in range(1, len(one)):
                assert_consistent(read("".join(one[:cut] + other[cut:])))


TOKENS = ["\0", "\n", "\r", "9", ".", "\x1b[0m", "^C", " User interrupt...\n", "\ufffd", "sendpacket_abort\n"]
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["flip", "drop", "double", "move", "insert"]),
        st.integers(0, 10**6),
        st.integers(1, 120),
        st.sampled_from(
            ["\0", "\n", "\r", "9", ".", "\x1b[0m", "^C", " User interrupt...\n", "�", "sendpacket_abort\n"]
        ),
    ),
    min_size=1,
    max_size=4,
)


def edit(text: str, kind: str, at: int, length: int, token: str) -> str:
    at %= len(text) + 1
    before, piece, after = text[:at], text[at : at + length], text[at + length :]
    if kind == "flip":
        return before + token[:1] + text[at + 1 :]
    return {
        "drop": before + after,
        "double": before + piece + piece + after,
        "move": piece + before + after,
        "insert": before + token + text[at:],
    }[kind]


@settings(max_examples=1500)
@given(st.sampled_from(sorted(SAMPLES)), EDITS)
def test_any_change_of_a_recorded_output_is_handled(name: str, edits: list[tuple[str, int, int, str]]) -> None:
    text = COMPLETE.get(name, SAMPLES[name])
    for change in edits:
        text = edit(text, *change)
    assert_consistent(read(text))


@settings(max_examples=300)
@given(st.text(max_size=300))
@example("Actual: 1 packets (1 bytes) sent in 0.000000 seconds\nRated: 1.0 Bps, 0.000 Mbps, 1.00 pps\n")
def test_any_text_is_handled(text: str) -> None:
    assert_consistent(read(text))


@settings(max_examples=400)
@given(st.integers(1, 10**10), st.integers(14, 9018), st.integers(1, 10**11), st.integers(0, 10**6))
def test_statistics_are_read_as_tcpreplay_prints_them(packets: int, length: int, microseconds: int, flows: int) -> None:
    seconds, bps, mbps, pps, fps = printed(packets, packets * length, flows, microseconds)
    found = parse(
        f"Actual: {packets} packets ({packets * length} bytes) sent in {seconds} seconds\n"
        f"Rated: {bps} Bps, {mbps} Mbps, {pps} pps\n"
        f"Flows: {flows} flows, {fps} fps, {packets} flow packets, 0 non-flow\n"
        f"Statistics for network device: eth0\n\tSuccessful packets:        {packets}\n"
        "\tFailed packets:            0\n\tTruncated packets:         0\n"
        "\tRetried packets (ENOBUFS): 0\n\tRetried packets (EAGAIN):  0\n"
    )
    shown = Totals(packets, packets * length, Decimal(seconds), Decimal(bps), Decimal(mbps), Decimal(pps))
    assert found.totals == shown
    assert found.flows == Flows(flows, Decimal(fps), packets, 0)

"""``linerate parse``: tcpreplay's statistics as JSON, or why they are not usable."""

from __future__ import annotations

import argparse
import codecs
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

from ..errors import StatisticsError
from ..tcpreplay.diagnosis import warnings
from ..tcpreplay.output import Statistics, Totals, parse
from .common import FAILED, GOOD, examples

_SAMPLE = 200
"""Bytes at the beginning of a file that show its encoding."""
_DECOMPRESS = {b"\x1f\x8b": "gunzip", b"BZh": "bunzip2", b"\xfd7zXZ": "unxz", b"\x28\xb5\x2f\xfd": "unzstd"}
"""Programs that decompress a file, by its first bytes."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the command."""
    parser = commands.add_parser(
        "parse",
        help="print the statistics in saved tcpreplay output as JSON",
        description="Parse the saved output of tcpreplay and print one JSON object per file. The output is stdout "
        "alone, or stdout and stderr mixed; - is standard input. Bytes are pcap bytes (no FCS), mbps is 10^6 bit/s of "
        "them. Exit status: 0 if every file has complete, consistent statistics of one run, otherwise 1.",
        epilog=examples("linerate parse saved-output.txt", "tcpreplay -i lo scan.pcap | linerate parse -"),
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="saved output of one run")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print one object per file; returns FAILED when the statistics of one are not usable."""
    status = GOOD
    for file in arguments.files:
        text = ""
        try:
            text = _read(file)
            found = {"file": file, "complete": True, **describe(parse(text)), "warnings": warnings(text)}
        except StatisticsError as error:
            # Terminals and serial lines may add zeros to the text of complete statistics.
            rule = "is not text: it has zero bytes" if "\0" in text else error.rule
            found = {"file": file, "complete": False, "reason": rule, "warnings": warnings(text)}
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            found = {"file": file, "complete": False, "reason": f"cannot be read: {reason}"}
        if not found["complete"]:
            status = FAILED
            print(f"linerate parse: {file}: {found['reason']}", file=sys.stderr)
        print(json.dumps(found), flush=True)
    return status


def _read(file: str) -> str:
    """The text of a file; OSError or ValueError, with the reason, if there is none."""
    if file == "-" and sys.stdin is None:
        raise ValueError("standard input is closed")
    content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    encoding = _encoding(content)
    if encoding:
        writer = ", as PowerShell writes it" if encoding == "UTF-16" else ""
        raise ValueError(f"the text is {encoding}{writer}. Convert it: iconv -f {encoding} -t UTF-8 IN > OUT")
    for magic, program in _DECOMPRESS.items():
        if content.startswith(magic):
            raise ValueError(f"it is compressed. Decompress it: {program} {file}")
    return content.decode("utf-8", "replace")


def _encoding(content: bytes) -> str | None:
    """The encoding of text that is not UTF-8: its byte order mark, or zeros in the place of every other byte."""
    if content.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "UTF-32"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "UTF-16"
    even, odd = content[:_SAMPLE:2], content[1:_SAMPLE:2]
    for zeros, letters, name in ((odd, even, "UTF-16LE"), (even, odd, "UTF-16BE")):
        if len(zeros) > 1 and not any(zeros) and all(letters):
            return name
    return None


def describe(statistics: Statistics) -> dict[str, Any]:
    """The statistics as plain data: bytes are pcap bytes (no FCS), mbps is 10^6 bit/s of them."""
    return {
        **_totals(statistics.totals),
        "successful": statistics.successful,
        "failed": statistics.failed,
        "truncated": statistics.truncated,
        "retried_enobufs": statistics.retried_enobufs,
        "retried_eagain": statistics.retried_eagain,
        "interrupted": statistics.interrupted,
        "flows": _plain(statistics.flows),
        "devices": [_plain(device) for device in statistics.devices],
        "progress": [_totals(totals) for totals in statistics.progress],
    }


def _totals(totals: Totals) -> dict[str, Any]:
    return _plain(totals) or {}


def _plain(value: object) -> dict[str, Any] | None:
    if value is None:
        return None
    return {name: float(item) if isinstance(item, Decimal) else item for name, item in vars(value).items()}

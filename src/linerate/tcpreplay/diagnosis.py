"""Find in tcpreplay's messages why it did not do what was asked."""

from __future__ import annotations

import re

_FAILURES = (
    re.compile(r"illegal option -- \S+"),
    re.compile(r"Command line arguments required"),
    re.compile(r"tcpreplay error:\s+(?P<text>.+)"),
    # The lines that belong to a fatal error are indented by a tab.
    re.compile(r"Fatal Error(?: in [^\n]*)?:\s*(?P<text>.+(?:\n\t.+)*)"),
    re.compile(r"Failed: From [^\n]*:\n\s*(?P<text>.+)"),
    re.compile(r"^(?:[^\n]*: )?(?:sudo|tcpreplay): (?:command )?not found", re.MULTILINE),
    re.compile(r"^sudo: (?:a password is required|[^\n]* is not in the sudoers file)", re.MULTILINE),
    re.compile(r"Unable to send packet: [^\n]*?\[[0-9]+\]: (?P<text>.+)"),
)
_WARNING = re.compile(r"^Warning(?: in [^\n:]*:[^\n]* line [0-9]+)?:\s*(?:WARNING: )?(?P<text>.+)", re.MULTILINE)
_PACKET_NUMBER = re.compile(r"\[[0-9]+\]")
_LONGEST = 300


def diagnose(text: str) -> str | None:
    """The first message in ``text`` (stderr, or a transcript) that names a failure; None if there is none."""
    found = [match for match in (pattern.search(text) for pattern in _FAILURES) if match]
    if not found:
        return None
    first = min(found, key=lambda match: match.start())
    return _one_line(first.groupdict().get("text") or first[0])


def warnings(text: str) -> list[str]:
    """The different warnings in ``text`` in their order; those that differ by a packet's number are one."""
    found = (_one_line(_PACKET_NUMBER.sub("[N]", match["text"])) for match in _WARNING.finditer(text))
    return list(dict.fromkeys(found))


def _one_line(text: str) -> str:
    return " ".join(text.split())[:_LONGEST]

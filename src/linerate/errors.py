"""Errors that name the value, the rule that it breaks, and a hint."""

from __future__ import annotations


class LinerateError(Exception):
    """An error that the user can act on.

    ``subject`` names the option, file or interface; ``value`` is its value, None if the subject suffices; ``rule`` is
    the violated condition; ``hint`` is what to do.
    """

    def __init__(self, subject: str, value: object, rule: str, hint: str) -> None:
        self.subject = subject
        self.value = value
        self.rule = rule
        self.hint = hint
        named = subject if value is None else f"{subject} {value!r}"
        super().__init__(f"{named}: {rule}. {hint}")


class InputError(LinerateError):
    """A parameter is not valid."""


class PcapError(LinerateError):
    """A pcap file is not valid."""


class StatisticsError(LinerateError):
    """The output of tcpreplay has no complete and consistent statistics."""


class HostError(LinerateError):
    """A host does not meet a requirement, or a command on it fails."""


class ResultError(LinerateError):
    """A stored result cannot be read or does not match its schema."""

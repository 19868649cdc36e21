"""What can be wrong, as types that name the value, the rule, and the hint."""

from __future__ import annotations


class LinerateError(Exception):
    """An error a person can act on.

    ``subject`` is what the value is called where the person wrote it (an option, a file,
    an interface), ``value`` what was given (None where the subject says it all), ``rule`` what it
    breaks, ``hint`` what to do.
    """

    def __init__(self, subject: str, value: object, rule: str, hint: str) -> None:
        self.subject = subject
        self.value = value
        self.rule = rule
        self.hint = hint
        named = subject if value is None else f"{subject} {value!r}"
        super().__init__(f"{named}: {rule}. {hint}")


class InputError(LinerateError):
    """A parameter given by the user is not usable."""


class PcapError(LinerateError):
    """A pcap file is not what it must be."""


class StatisticsError(LinerateError):
    """A tcpreplay output holds no complete, consistent statistics."""


class HostError(LinerateError):
    """A host lacks something that the work needs."""


class ResultError(LinerateError):
    """A stored result cannot be read or does not satisfy its schema."""

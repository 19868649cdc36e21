"""Timestamps of stored results."""

from __future__ import annotations

import datetime


def utc_now(timestamp: float | None = None) -> str:
    """The current time, or ``timestamp`` (s since 1970), in UTC as ISO 8601: 2026-01-31T23:59:59.123Z."""
    utc = datetime.timezone.utc
    now = datetime.datetime.now(utc) if timestamp is None else datetime.datetime.fromtimestamp(timestamp, utc)
    return now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}Z"

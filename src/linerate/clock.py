"""Points in time as they are stored."""

from __future__ import annotations

import datetime


def utc_now(timestamp: float | None = None) -> str:
    """Now, or at ``timestamp`` (s since 1970), in UTC, ISO 8601 with milliseconds: 2026-01-31T23:59:59.123Z."""
    utc = datetime.timezone.utc
    now = datetime.datetime.now(utc) if timestamp is None else datetime.datetime.fromtimestamp(timestamp, utc)
    return now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}Z"

"""Points in time as they are stored."""

from __future__ import annotations

import datetime


def utc_now() -> str:
    """Now in UTC, ISO 8601 with milliseconds: 2026-01-31T23:59:59.123Z."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}Z"

"""How long tcpreplay sent, in whole microseconds: the one number behind all rates of a block, which it does not print.

``packet_stats()`` and ``flow_stats()`` (tcpreplay 4.0 to 4.6) divide by it with whole numbers and truncate, so each
printed number leaves a span of microseconds, and numbers that belong together leave a common one.
"""

from __future__ import annotations

from decimal import Decimal

BIG_BYTES = 10**9


def printed_as(seconds: Decimal) -> range:
    """The microseconds that are printed as ``seconds``."""
    step = Decimal((0, (1,), int(seconds.as_tuple().exponent)))
    first = int(seconds * 10**6)
    return range(first, max(first + 1, int((seconds + step) * 10**6)))


def tick(amount_bytes: int, seconds: Decimal) -> int:
    """The microseconds that tcpreplay divides by at once: a thousand above 10^9 bytes (from 4.2 on), else one."""
    prints_tenths = int(seconds.as_tuple().exponent) == -1
    return 1000 if amount_bytes > BIG_BYTES and seconds >= 1 and not prints_tenths else 1


def giving(span: range, amount: int, rate: Decimal, divisor: int) -> range:
    """What is left of ``span`` when ``amount`` is printed as ``rate`` a second; empty where it contradicts.

    ``divisor`` is that of :func:`tick`.
    """
    scale = 10 ** -int(rate.as_tuple().exponent)
    shown = int(rate * scale)
    dividend = amount * scale * 10**6 // divisor
    # No time, no rate: tcpreplay does not divide then.
    none = 1 if 0 in span and not shown else 0
    fewest = dividend // (shown + 1) + 1
    first = max(span.start, fewest * divisor)
    last = min(span.stop, (dividend // shown + 1) * divisor) if shown else span.stop
    return range(1) if none and span.stop == 1 else range(first, last)

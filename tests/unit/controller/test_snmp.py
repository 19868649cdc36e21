"""Values of an agent as plain integers and texts."""

from __future__ import annotations

import pytest
from pysnmp.proto.rfc1902 import Counter64, Integer32, ObjectIdentifier, OctetString, TimeTicks
from pysnmp.proto.rfc1905 import NoSuchInstance

from linerate.controller.snmp import _plain


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Counter64(2**64 - 1), 2**64 - 1),
        (TimeTicks(7), 7),
        (Integer32(-1), -1),
        (OctetString(b"port1"), "port1"),
        # An interface that has a number for a name.
        (OctetString(b"1"), "1"),
        (OctetString(b"-"), "-"),
        (OctetString(b"Port 1\0"), "Port 1"),
        (OctetString(b"Port 1\0\0left over"), "Port 1"),
        (OctetString("Büro".encode()), "Büro"),
        (OctetString("Büro".encode("latin-1")), "Büro"),
        (ObjectIdentifier("1.3.6.1"), "1.3.6.1"),
        (NoSuchInstance(), None),
    ],
)
def test_a_value_in_plain_types(value, plain):
    assert _plain(value) == plain
    assert type(_plain(value)) is type(plain)

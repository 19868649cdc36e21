"""Which lengths a sent frame may have when it arrives: padded, without a VLAN tag, with its FCS."""

from __future__ import annotations

import pytest

from linerate.receiver.lengths import accepted_lengths, in_words, joined


@pytest.mark.parametrize(
    ("shortest", "longest", "vlan_tags", "accepted", "words"),
    [
        (78, 78, 0, ((78, 78), (82, 82)), "78 or 82 B"),
        (60, 60, 0, ((60, 60), (64, 64)), "60 or 64 B"),
        (42, 42, 0, ((42, 42), (46, 46), (60, 60), (64, 64)), "42, 46, 60 or 64 B"),
        (59, 59, 0, ((59, 60), (63, 64)), "59 to 60 or 63 to 64 B"),
        (42, 1514, 0, ((42, 1518),), "42 to 1518 B"),
        # The kernel or a switch removes the tag; one of 60 B is then padded again, or not.
        (82, 82, 1, ((78, 78), (82, 82), (86, 86)), "78, 82 or 86 B"),
        (60, 60, 1, ((56, 56), (60, 60), (64, 64)), "56, 60 or 64 B"),
        (46, 46, 1, ((42, 42), (46, 46), (50, 50), (56, 56), (60, 60), (64, 64)), "42, 46, 50, 56, 60 or 64 B"),
        (1522, 1522, 2, ((1514, 1514), (1518, 1518), (1522, 1522), (1526, 1526)), "1514, 1518, 1522 or 1526 B"),
    ],
)
def test_lengths_on_arrival(shortest, longest, vlan_tags, accepted, words):
    found = accepted_lengths(shortest, longest, vlan_tags)
    assert found == accepted
    assert in_words(found) == words


def test_ranges_are_joined_where_they_touch():
    assert joined([(5, 7), (1, 2), (3, 3), (6, 9), (11, 12)]) == ((1, 3), (5, 9), (11, 12))

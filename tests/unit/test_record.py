"""Records as JSON: what is written is read again, and a key that is missing or not known is named."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trial_parts import sent
from trial_records import NATIVE, planned

from linerate.errors import InputError
from linerate.nic.counters import SenderNic
from linerate.receiver.sampler import Sample
from linerate.record import Record
from linerate.trial.evidence import Adapter, Claim, PartSent, Process, Recovery, Sent
from linerate.trial.model import Bench, Case, LineRate, Offered, Port, Sending, SendMethod, Trial, Witness

WORDS, WHOLE, NUMBERS = st.text(), st.integers(0, 2**53), st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.none() | st.booleans() | WHOLE | NUMBERS | WORDS
FREE = {
    "settings": st.dictionaries(WORDS, PLAIN),
    "versions": st.dictionaries(WORDS, WORDS),
    "agent": st.none() | st.dictionaries(WORDS, PLAIN),
    "owner": st.none() | st.fixed_dictionaries({"pid": WHOLE, "began": WHOLE}),
    "receiver": st.none() | st.builds(Port, WORDS, WORDS),
}
"""Fields whose type says less than what they may hold."""


def records(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Any records of ``kind``; hypothesis derives simple fields from their types."""
    known = {**{name: records(part) for name, part in kind.PARTS.items()}, **FREE}
    made: dict[str, Any] = {}
    for one in fields(kind):
        text = str(one.type)
        strategy = known[one.name] if one.name in known else simple(text)
        if text.startswith("tuple"):
            strategy = st.lists(strategy, max_size=3).map(tuple)
        made[one.name] = st.none() | strategy if text.endswith("| None") else strategy
    return st.builds(kind, **made)


def simple(text: str) -> st.SearchStrategy[Any]:
    """Values of a simple type, of one element where it is a tuple."""
    kinds = {"str": WORDS, "int": WHOLE, "float": NUMBERS, "bool": st.booleans()}
    return kinds[text.removeprefix("tuple[").removesuffix(", ...]").removesuffix(" | None")]


@given(st.one_of(records(kind) for kind in (Trial, Sent)))
@settings(max_examples=200, deadline=None)
def test_any_trial_and_any_half_of_it_survive_json(record):
    assert type(record).from_json(json.loads(json.dumps(record.to_json()))) == record


@pytest.mark.parametrize("record", [planned(NATIVE, settings={"timer": "nano"}), sent()])
def test_reading_restores_the_types_of_all_parts(record):
    found = type(record).from_json(json.loads(json.dumps(record.to_json())))
    assert found == record
    for name, part in record.PARTS.items():
        value = getattr(found, name)
        assert all(
            isinstance(one, part) for one in (value if isinstance(value, tuple) else (value,)) if one is not None
        )


def test_json_holds_plain_types_alone():
    whole = planned(NATIVE).to_json()
    assert whole["method"] == {"engine": "netmap", "adapter": "native", "processes": 1}
    assert whole["bench"]["allow_destinations"] == ["198.18.0.0/15"]
    assert type(whole["sending"]["settings"]) is dict


@pytest.mark.parametrize(
    ("kind", "path", "owner"),
    [
        (Trial, (), "Trial"),
        (Trial, ("case",), "Case"),
        (Trial, ("method",), "SendMethod"),
        (Trial, ("offered",), "Offered"),
        (Trial, ("sending",), "Sending"),
        (Trial, ("bench",), "Bench"),
        (Trial, ("bench", "line_rate"), "LineRate"),
        (Sent, (), "Sent"),
        (Sent, ("process",), "Process"),
        (Sent, ("claim",), "Claim"),
        (Sent, ("nic",), "SenderNic"),
        (Sent, ("samples", 0), "Sample"),
        (Sent, ("adapter",), "Adapter"),
    ],
)
def test_missing_and_unknown_keys_are_named(kind, path, owner):
    whole = (planned() if kind is Trial else sent()).to_json()
    part = whole
    for step in path:
        part = part[step]
    part |= {"warp": 9, "abc": 1}
    with pytest.raises(InputError) as refused:
        kind.from_json(whole)
    assert str(refused.value) == f"{owner} 'abc, warp': is not known. Pass it on as linerate returned it."
    del part["warp"], part["abc"]
    (first, *_) = part
    del part[first]
    with pytest.raises(InputError) as refused:
        kind.from_json(whole)
    assert str(refused.value) == f"{owner} '{first}': is missing. Pass it on as linerate returned it."


@pytest.mark.parametrize("data", [None, 7, "text", ["list"]])
def test_what_is_not_an_object_is_refused(data):
    with pytest.raises(InputError, match=r"Trial.*: must be an object"):
        Trial.from_json(data)
    with pytest.raises(InputError, match="Case 'text': must be an object"):
        Trial.from_json({**planned().to_json(), "case": "text"})


def test_keys_with_a_default_may_be_missing():
    assert Sending.from_json({"interface": "ens4"}) == Sending("ens4")
    assert SendMethod.from_json({"engine": "kernel"}) == SendMethod("kernel")


def test_the_result_of_a_module_may_have_further_keys():
    assert Sent.of_result({**sent().to_json(), "changed": True, "failed": False, "invocation": {}}) == sent()
    with pytest.raises(InputError, match="Sent 'argv': is missing"):
        Sent.of_result({name: value for name, value in sent().to_json().items() if name != "argv"})


def test_a_record_of_another_module_follows_the_same_rules():
    @dataclass(frozen=True)
    class Outer(Record):
        PARTS: ClassVar[Mapping[str, type[Any]]] = {"one": Port, "some": Port}
        one: Port | None
        some: tuple[Port, ...] = ()
        free: Mapping[str, Any] = field(default_factory=dict)

    assert Outer.from_json({"one": None}) == Outer(None)
    whole = Outer(Port("a", "b"), (Port("c", "d"),), {"x": [1, {"y": 2}]})
    assert Outer.from_json(json.loads(json.dumps(whole.to_json()))) == whole


def test_every_record_of_a_trial_is_generated_above():
    """A new part of a trial must be in PARTS, so that it is read as what it is."""
    kinds = {Bench, Case, LineRate, Offered, Port, Sending, SendMethod, Witness}
    assert set(Trial.PARTS.values()) | set(Bench.PARTS.values()) == kinds
    assert set(Sent.PARTS.values()) == {Process, Claim, SenderNic, Sample, Adapter, Recovery, PartSent}

"""Dataclasses that are stored and passed as JSON objects; plain dictionaries exist at the edges alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, ClassVar, TypeVar

from .errors import InputError

Self = TypeVar("Self", bound="Record")


@dataclass(frozen=True)
class Record:
    """A dataclass whose JSON object has one key per field, of the same name.

    ``PARTS`` names the fields that hold dataclasses themselves: one, None, or a list of them. Lists become tuples.
    """

    PARTS: ClassVar[Mapping[str, type[Any]]] = {}

    def to_json(self) -> dict[str, Any]:
        """The record as JSON types: objects, lists, strings, numbers, booleans, null."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain

    @classmethod
    def from_json(cls: type[Self], data: Mapping[str, Any]) -> Self:
        """The record of a JSON object. InputError names a key that is missing or not known."""
        if not isinstance(data, Mapping):
            raise InputError(cls.__name__, data, "must be an object", "Pass it on as linerate returned it.")
        known = {field.name: field for field in fields(cls)}
        unknown = sorted(data.keys() - known.keys())
        required = (name for name, field in known.items() if field.default is field.default_factory is MISSING)
        missing = [name for name in required if name not in data]
        for names, rule in ((unknown, "is not known"), (missing, "is missing")):
            if names:
                raise InputError(cls.__name__, ", ".join(names), rule, "Pass it on as linerate returned it.")
        return cls(**{name: _part(cls.PARTS.get(name), value) for name, value in data.items()})


def _part(kind: type[Any] | None, value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return tuple(_part(kind, one) for one in value)
    if kind is None or value is None or isinstance(value, kind):
        return value
    return kind.from_json(value) if issubclass(kind, Record) else kind(**value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value

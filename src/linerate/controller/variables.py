"""The variables that users set: which there are, and the type of each, as the roles' argument specs state them."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import InputError

Option = Mapping[str, Any]
"""An option of an argument spec: type, elements, options, choices, required, no_log."""

COMMON_WORDS = frozenset({"guests", "lab", "packages", "report", "restore", "search", "sources", "validate", "verify"})
"""Prefixes of roles that a user's own variables may have: only what resembles one of our variables is refused."""
SIMILAR, NEARLY_EQUAL = 0.8, 0.9
TRUE, FALSE = frozenset({"true", "yes", "on", "1"}), frozenset({"false", "no", "off", "0"})
"""What Ansible's filter `bool` takes for true and false, in any case."""
_SUFFIXES = {"k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_COMMAND_LINE = "On the command line, pass JSON: -e '{\"%s\": ...}'."


@dataclass(frozen=True)
class Variables:
    """``options`` by variable; ``prefixes`` are the names of the roles; ``nullable`` are those that may be null."""

    options: Mapping[str, Option]
    prefixes: frozenset[str]
    nullable: frozenset[str] = frozenset()

    def check_name(self, name: str) -> Iterator[InputError]:
        """An error for a name that is not a variable of linerate and has one of its prefixes, or resembles one."""
        if name in self.options or name.startswith("_"):
            return
        prefix = self._prefix(name)
        close = difflib.get_close_matches(
            name.lower().replace("-", "_"), self.options, n=1, cutoff=SIMILAR if prefix else NEARLY_EQUAL
        )
        if close or (prefix and prefix not in COMMON_WORDS):
            hint = f"Did you mean {close[0]}?" if close else "Remove it; the roles' README.md list the variables."
            yield InputError(name, None, "is not a variable of linerate", hint)

    def is_ours(self, name: str) -> bool:
        """Whether ``name`` has a prefix of linerate."""
        return self._prefix(name) is not None

    def _prefix(self, name: str) -> str | None:
        found = [prefix for prefix in self.prefixes if name.lower().startswith(f"{prefix}_")]
        return max(found, key=len, default=None)

    def convert(self, name: str, value: object) -> tuple[Any, list[InputError]]:
        """``value`` of the variable ``name`` in its type, and what is wrong with it."""
        if value is None and name in self.nullable:
            return None, []
        option = self.options[name]
        found: list[InputError] = []
        return _convert(_Place(name, name, bool(option.get("no_log"))), value, option, found), found


def misread(path: str, value: float, text: str) -> Iterator[InputError]:
    """An error for a number of which YAML 1.1 read another than ``text``, the source from it on, says."""
    octal = re.match(r"0[0-9_]*[1-9][0-9_]*(?![\w.:])", text)
    base_60 = re.match(r"[0-9][0-9_]*(?::[0-9]{1,2})+(?:\.[0-9_]*)?", text)
    if octal:
        hint = f"Write {int(octal[0])}, without the leading zero."
        yield InputError(path, None, f"{octal[0]} is octal in YAML, {value}", hint)
    elif base_60:
        yield InputError(
            path, None, f"{base_60[0]} is a number in base 60 in YAML, {value}", f'Quote it: "{base_60[0]}".'
        )


@dataclass(frozen=True)
class _Place:
    """Where a value stands: ``path`` such as pcaps_set[0].vlan, and whether it must not be shown."""

    name: str
    path: str
    secret: bool

    def below(self, suffix: str, option: Option) -> _Place:
        return _Place(self.name, f"{self.path}{suffix}", self.secret or bool(option.get("no_log")))

    def error(self, value: object, rule: str, hint: str) -> InputError:
        return InputError(self.path, None if self.secret else value, rule, hint)


def _convert(place: _Place, value: object, option: Option, found: list[InputError]) -> Any:
    """``value`` converted; errors are appended to ``found``, and the result is not usable then."""
    kind = str(option.get("type", "str"))
    if value is None:
        found.append(place.error(None, "is empty", f"Set {_ARTICLES[kind]}, or remove it for the default."))
        return None
    if kind == "raw":
        return value
    if kind == "list":
        return _list(place, value, option, found)
    if kind == "dict":
        return _dict(place, value, option, found)
    try:
        converted = _SCALARS[kind](value, option)
    except ValueError as error:
        hint = str(error) or _EXAMPLES[kind]
        found.append(place.error(value, f"must be {_ARTICLES[kind]}", hint))
        return None
    choices = option.get("choices")
    if choices and str(converted) not in map(str, choices):
        close = difflib.get_close_matches(str(converted), [str(one) for one in choices], n=1)
        hint = f"Did you mean {close[0]}?" if close else "Use one of them."
        found.append(place.error(value, f"must be one of {', '.join(map(str, choices))}", hint))
    return converted


def _list(place: _Place, value: object, option: Option, found: list[InputError]) -> list[Any] | None:
    elements = str(option.get("elements", "str"))
    if isinstance(value, str) and elements in ("str", "raw"):
        value = [part.strip() for part in value.split(",")]
    if not isinstance(value, (list, tuple)):
        shown = "[{...}]" if elements == "dict" else "[...]"
        found.append(place.error(value, "must be a list", f"Write {shown}. {_COMMAND_LINE % place.name}"))
        return None
    element = {**option, "type": elements}
    return [_convert(place.below(f"[{at}]", {}), one, element, found) for at, one in enumerate(value)]


def _dict(place: _Place, value: object, option: Option, found: list[InputError]) -> dict[str, Any] | None:
    if not isinstance(value, Mapping):
        hint = f"Write {{key: value}}. {_COMMAND_LINE % place.name}"
        found.append(place.error(value, "must be a dictionary", hint))
        return None
    known: Mapping[str, Option] = option.get("options") or {}
    if not known:
        return dict(value)
    converted = {}
    for key, one in value.items():
        if key not in known:
            found.append(_unknown_key(place.below(f".{key}", {}), str(key), known))
        # A key that is null is one that is not given.
        elif one is not None:
            converted[key] = _convert(place.below(f".{key}", known[key]), one, known[key], found)
    for key, below in known.items():
        if below.get("required") and value.get(key) is None:
            found.append(place.below(f".{key}", below).error(None, "is missing", f"Set {key}."))
    return converted


def _unknown_key(place: _Place, key: str, known: Iterable[str]) -> InputError:
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    hint = f"Did you mean {close[0]}?" if close else f"Known are {', '.join(known)}."
    return InputError(place.path, None, f"is not a key of {place.name}", hint)


def _bool(value: object, option: Option) -> bool:
    # `==` would take 1.0 for 1, and Ansible's filter does not.
    text = str(value).lower()
    if not isinstance(value, (bool, int, str)) or text not in TRUE | FALSE:
        raise ValueError
    return text in TRUE


def _int(value: object, option: Option) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError
    if isinstance(value, str) and not re.fullmatch(r"\s*-?[0-9]+\s*", value):
        raise ValueError(_number_hint(value))
    if isinstance(value, float) and not value.is_integer():
        raise ValueError
    return int(value)


def _float(value: object, option: Option) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError
    try:
        number = float(value)
    except ValueError:
        raise ValueError(_number_hint(str(value))) from None
    if not math.isfinite(number):
        raise ValueError
    return number


def _number_hint(text: str) -> str:
    """What to write instead of ``text``; empty where that is not known."""
    comma = re.fullmatch(r"\s*(-?[0-9]+),([0-9]+)\s*", text)
    if comma:
        return f"Write {comma[1]}.{comma[2]}, with a decimal point."
    unit = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([kmgt])(?:bit/s|bps|b)?\s*", text, re.IGNORECASE)
    if unit:
        return f"Write {float(unit[1]) * _SUFFIXES[unit[2].lower()]:.0f}, without a unit."
    return ""


def _str(value: object, option: Option) -> str:
    if isinstance(value, bool):
        # Unquoted, on and off are booleans in YAML.
        words = [one for one in option.get("choices", ()) if str(one).lower() in (TRUE if value else FALSE)]
        if len(words) == 1:
            return str(words[0])
        raise ValueError("Quote it: YAML reads yes, no, on and off as booleans.")
    if isinstance(value, float):
        raise ValueError(f'Quote it: "{value}".')
    if not isinstance(value, (str, int)):
        raise ValueError
    return str(value)


_SCALARS = {"bool": _bool, "int": _int, "float": _float, "str": _str, "path": _str}
_ARTICLES = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "path": "a path",
    "list": "a list",
    "dict": "a dictionary",
    "raw": "a value",
}
_EXAMPLES = {
    "bool": "Write one of the two.",
    "int": "Write digits, such as 3.",
    "float": "Write a number such as 1000 or 0.5.",
    "str": "Write one word or line, in quotes.",
    "path": "Write the path of a file or folder.",
}

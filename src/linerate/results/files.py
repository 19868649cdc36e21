"""Read and validate the files of a run. Every error names the file, the line where there is one, and the rule."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from ..errors import ResultError

SCHEMAS = Path(__file__).resolve().parents[3] / "schemas"
"""The schemas of a checkout, next to ``src``."""
RUN_SCHEMA, TRIAL_SCHEMA, SUMMARY_SCHEMA = "run.schema.json", "trial.schema.json", "summary.schema.json"

HINT_FILE = "Restore the file as the run wrote it, or run the trials again."
_SHOWN = 120


def check(record: Mapping[str, Any], schema: Path) -> None:
    """ResultError naming the field when ``record`` does not satisfy the JSON Schema in the file ``schema``."""
    error = best_match(validator(schema).iter_errors(record))
    if error is not None:
        rule = f"does not satisfy {schema.name}: {error.message}"
        raise ResultError(error.json_path, error.instance, rule, "Report this as a defect.")


@cache
def validator(schema: Path) -> Draft202012Validator:
    """The validator of a schema file, built once per process."""
    try:
        return Draft202012Validator(json.loads(schema.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        hint = "Run from a checkout installed with `make setup`, or pass the folder of the schemas."
        raise ResultError("schema", str(schema), f"cannot be read: {error}", hint) from error


def parse(text: str, subject: str, schema: Path) -> dict[str, Any]:
    """The JSON object in ``text``; ResultError where it is not JSON or does not satisfy the schema."""
    try:
        value = json.loads(text, parse_constant=_finite, parse_float=_finite, parse_int=_integer)
    except (ValueError, RecursionError) as error:
        raise ResultError(subject, short(text), f"must be one JSON value: {error}", HINT_FILE) from error
    wrong = best_match(validator(schema).iter_errors(value))
    if wrong is not None:
        where = wrong.json_path.removeprefix("$").lstrip(".") or "the whole"
        raise ResultError(subject, short(wrong.instance), f"{where}: {_rule(wrong)}", HINT_FILE)
    checked: dict[str, Any] = value
    return checked


def read_text(path: Path) -> str:
    """The text of a file; ResultError where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ResultError("file", str(path), f"cannot be read as UTF-8 text: {error}", HINT_FILE) from error


def short(value: object) -> str:
    """A value for an error message, cut where it is long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def _rule(error: ValidationError) -> str:
    """The rule that the value breaks. The message of jsonschema repeats the value, which may be a whole object."""
    message = str(error.message)
    return message if len(message) <= _SHOWN else f"breaks {error.validator} {short(error.validator_value)}"


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not a finite number")
    return value


def _integer(text: str) -> int:
    # Larger ones count nothing here, and overflow when they become a float.
    if len(text) > len("-9223372036854775808"):
        raise ValueError(f"{text[:20]}... is too large a number")
    return int(text)

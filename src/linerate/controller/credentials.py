"""The credentials of SNMP agents: which each version needs, and whether they are complete. No error shows a secret."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..errors import InputError
from ..trial.model import Witness

VERSIONS = {"2c": ("community",), "3": ("user", "auth_password", "priv_password")}
"""The credentials that each SNMP version needs."""
OPTIONAL = ("auth_protocol", "priv_protocol")
PASSWORDS = ("auth_password", "priv_password")
SHORTEST_PASSWORD = 8
"""Characters (RFC 3414, 11.2)."""
VARIABLE = "benchmark_snmp_credentials"


def check_credentials(witnesses: Sequence[Witness], credentials: Mapping[str, Any]) -> Iterator[InputError]:
    """What is missing of the ``credentials``, which are by the name of an snmp witness. Further names are no error."""
    for witness in witnesses:
        if witness.kind != "snmp":
            continue
        path, needed = f"{VARIABLE}.{witness.name}", VERSIONS[witness.version or "2c"]
        own = credentials.get(witness.name)
        if not isinstance(own, Mapping):
            others = f"Its keys are {', '.join(credentials)}" if credentials else "It is empty"
            rule = f"is missing, and the snmp witness {witness.name} needs it"
            yield InputError(path, None, rule, f"{others}: set {', '.join(needed)} under {witness.name}.")
        else:
            yield from _check(path, own, needed, witness.version or "2c")


def _check(path: str, own: Mapping[str, Any], needed: Sequence[str], version: str) -> Iterator[InputError]:
    known = {*OPTIONAL, *(name for names in VERSIONS.values() for name in names)}
    for key in sorted(map(str, own.keys() - known)):
        yield InputError(f"{path}.{key}", None, "is not a credential", f"Known are {', '.join(sorted(known))}.")
    for key in needed:
        if not own.get(key):
            yield InputError(f"{path}.{key}", None, f"is missing: SNMP version {version} needs it", f"Set {key}.")
        elif key in PASSWORDS and len(str(own[key])) < SHORTEST_PASSWORD:
            rule = f"has less than {SHORTEST_PASSWORD} characters"
            yield InputError(f"{path}.{key}", None, rule, "Use a longer one, as the agent must have it too.")

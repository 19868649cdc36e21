"""An SNMP client, version 2c, or 3 with authentication and privacy, through pysnmp. Runs on the controller only."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from pysnmp.error import PySnmpError
from pysnmp.hlapi.v3arch import asyncio as hlapi
from pysnmp.proto.rfc1902 import OctetString
from pysnmp.proto.rfc1905 import EndOfMibView, NoSuchInstance, NoSuchObject

from ..errors import HostError, InputError
from .credentials import PASSWORDS, SHORTEST_PASSWORD, VERSIONS

TIMEOUT_SECONDS = 2.0
RETRIES = 2
REPETITIONS = 25
"""Rows that one message of a walk requests."""

AUTH_PROTOCOLS = {
    "SHA": hlapi.USM_AUTH_HMAC96_SHA,
    "SHA224": hlapi.USM_AUTH_HMAC128_SHA224,
    "SHA256": hlapi.USM_AUTH_HMAC192_SHA256,
    "SHA384": hlapi.USM_AUTH_HMAC256_SHA384,
    "SHA512": hlapi.USM_AUTH_HMAC384_SHA512,
}
PRIV_PROTOCOLS = {
    "AES128": hlapi.USM_PRIV_CFB128_AES,
    "AES192": hlapi.USM_PRIV_CFB192_AES,
    "AES256": hlapi.USM_PRIV_CFB256_AES,
}


@dataclass(frozen=True)
class Target:
    """The address and credentials of an agent. ``version`` is 2c or 3; the representation shows no secret."""

    address: str
    port: int = 161
    version: str = "2c"
    community: str | None = field(default=None, repr=False)
    user: str | None = None
    auth_protocol: str = "SHA256"
    auth_password: str | None = field(default=None, repr=False)
    priv_protocol: str = "AES128"
    priv_password: str | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        return f"{self.address} port {self.port}"


class Agent:
    """A session with an agent, as a context. HostError if it does not answer or refuses the credentials."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._auth = _auth_data(target)
        self._loop = asyncio.new_event_loop()
        self._engine = hlapi.SnmpEngine()
        self._transport: Any = None

    def __enter__(self) -> Agent:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._engine.close_dispatcher()
        self._loop.close()

    def get(self, oids: Sequence[str]) -> dict[str, Any]:
        """The values of ``oids``, integers and text, without those that the agent does not have."""
        answer = self._loop.run_until_complete(self._get(oids))
        return {oid: value for oid, value in answer if value is not None}

    def walk(self, column: str) -> dict[str, Any]:
        """A column of a table: its values by the index part of their OIDs."""
        answer = self._loop.run_until_complete(self._walk(column))
        return {oid[len(column) + 1 :]: value for oid, value in answer if value is not None}

    async def _to(self) -> Any:
        if self._transport is None:
            kind = hlapi.Udp6TransportTarget if ":" in self._target.address else hlapi.UdpTransportTarget
            place = (self._target.address, self._target.port)
            try:
                self._transport = await kind.create(place, timeout=TIMEOUT_SECONDS, retries=RETRIES)
            except (PySnmpError, OSError) as error:
                hint = "Correct the address of the witness."
                raise HostError("SNMP agent", self._target.address, "cannot be resolved", hint) from error
        return self._transport

    async def _get(self, oids: Sequence[str]) -> list[tuple[str, Any]]:
        wanted = [hlapi.ObjectType(hlapi.ObjectIdentity(oid)) for oid in oids]
        context = hlapi.ContextData()
        try:
            answer = await hlapi.get_cmd(self._engine, self._auth, await self._to(), context, *wanted, lookupMib=False)
        except (PySnmpError, OSError) as error:
            raise self._failed(str(error)) from error
        return self._values(answer)

    async def _walk(self, column: str) -> list[tuple[str, Any]]:
        first = hlapi.ObjectType(hlapi.ObjectIdentity(column))
        options = {"lookupMib": False, "lexicographicMode": False}
        found: list[tuple[str, Any]] = []
        try:
            rows = hlapi.bulk_walk_cmd(
                self._engine, self._auth, await self._to(), hlapi.ContextData(), 0, REPETITIONS, first, **options
            )
            async for answer in rows:
                found += self._values(answer)
        except (PySnmpError, OSError) as error:
            raise self._failed(str(error)) from error
        return found

    def _values(self, answer: Any) -> list[tuple[str, Any]]:
        indication, status, _, bindings = answer
        if indication:
            raise self._silent() if "timeout" in str(indication).lower() else self._failed(str(indication))
        if status:
            raise self._failed(str(status.prettyPrint()))
        return [(str(oid), _plain(value)) for oid, value in bindings]

    def _silent(self) -> HostError:
        secret = "community" if self._target.version == "2c" else "user and passwords"
        waited = TIMEOUT_SECONDS * (RETRIES + 1)
        return HostError(
            "SNMP agent",
            self._target.name,
            f"does not answer SNMP version {self._target.version} within {waited:g} s",
            "Check the address, that this UDP port is open for the controller, that the agent speaks this version, and "
            f"the {secret} in benchmark_snmp_credentials: an agent may not answer if they are wrong.",
        )

    def _failed(self, message: str) -> HostError:
        hint = "Correct the SNMP version of the witness, or its entry in benchmark_snmp_credentials."
        return HostError("SNMP agent", self._target.name, f"cannot be queried: {message}", hint)


def _auth_data(target: Target) -> Any:
    """The credentials for pysnmp. InputError, which never shows a secret, if one is missing."""
    hint = "Set it in benchmark_snmp_credentials, under the name of the witness."
    if target.version not in VERSIONS:
        raise InputError("SNMP version", target.version, "must be 2c or 3", "Correct the version of the witness.")
    for name in VERSIONS[target.version]:
        if not getattr(target, name):
            rule = f"needs a {name.replace('_', ' ')} for SNMP version {target.version}"
            raise InputError("SNMP witness", target.address, rule, hint)
    if target.version == "2c":
        # Many switches support nothing better. The user decides to send the community unencrypted.
        return hlapi.CommunityData(target.community, mpModel=1)  # noqa: S508
    for name in PASSWORDS:
        if len(getattr(target, name)) < SHORTEST_PASSWORD:
            rule = f"has an {name.replace('_', ' ')} of less than {SHORTEST_PASSWORD} characters"
            raise InputError("SNMP witness", target.address, rule, hint)
    return hlapi.UsmUserData(
        target.user,
        authKey=target.auth_password,
        privKey=target.priv_password,
        authProtocol=_protocol("auth_protocol", target.auth_protocol, AUTH_PROTOCOLS),
        privProtocol=_protocol("priv_protocol", target.priv_protocol, PRIV_PROTOCOLS),
    )


def _protocol(option: str, name: str, known: Mapping[str, Any]) -> Any:
    if name not in known:
        raise InputError(option, name, f"must be one of {', '.join(known)}", "Correct benchmark_snmp_credentials.")
    return known[name]


def _plain(value: Any) -> int | str | None:
    if isinstance(value, (NoSuchInstance, NoSuchObject, EndOfMibView)):
        return None
    # A text first: pysnmp also converts the text "1" to an integer.
    if isinstance(value, OctetString):
        return _text(bytes(value))
    try:
        return int(value)
    except (TypeError, ValueError):
        return str(value.prettyPrint())


def _text(octets: bytes) -> str:
    """A DisplayString as agents send it: some end it as C does, and some are not UTF-8."""
    octets = octets.partition(b"\0")[0]
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("latin-1")

"""The source of the patched drivers: the vendor's, the kernel's own, or none, when netmap emulates the adapter."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...netmap.adapter import driver_of
from .recipe import DRIVERS, EXTERNAL_DRIVERS, OWN_FOLDER, module_names

VARIABLE = "netmap_native_route"

AUTO, EXTERNAL, KERNEL, NONE = ROUTES = ("auto", "external", "kernel", "none")
"""``external`` builds the drivers from archives, ``kernel`` from the kernel's own sources; ``auto`` is one of them."""

FAILS, NEVER_TRIED, COMPILED, LOADED, SENT = OUTCOMES = (
    "does not compile",
    "never tried",
    "compiled",
    "loaded",
    "sent",
)
"""What was seen of a driver, from the worst to the best; each one includes those before it, except the first."""


@dataclass(frozen=True)
class Seen:
    """The best outcome of a ``driver`` on a ``kernel``; ``version`` is that of an external source."""

    kernel: str
    driver: str
    route: str
    outcome: str
    version: str = ""


EL_9_5, EL_9_6, DEBIAN_12 = "5.14.0-503.22.1.el9_5.x86_64", "5.14.0-570.32.1.el9_6.x86_64", "6.1.0-56-amd64"

SEEN = (
    Seen(EL_9_5, "ixgbe", EXTERNAL, FAILS, "5.15.2"),
    Seen(EL_9_5, "ixgbe", EXTERNAL, COMPILED, "6.1.6"),
    Seen(EL_9_5, "ixgbe", KERNEL, LOADED),
    Seen(EL_9_5, "e1000", KERNEL, SENT),
    Seen(EL_9_5, "virtio_net.c", KERNEL, COMPILED),
    Seen(EL_9_5, "veth.c", KERNEL, COMPILED),
    Seen(EL_9_6, "ixgbe", EXTERNAL, COMPILED, "6.1.6"),
    Seen(EL_9_6, "ixgbe", KERNEL, COMPILED),
    Seen(EL_9_6, "e1000", KERNEL, COMPILED),
    Seen(EL_9_6, "e1000e", KERNEL, COMPILED),
    Seen(EL_9_6, "igb", KERNEL, COMPILED),
    Seen(EL_9_6, "igc", KERNEL, COMPILED),
    Seen(EL_9_6, "virtio_net.c", KERNEL, COMPILED),
    Seen(DEBIAN_12, "e1000", KERNEL, SENT),
)
"""What was really seen, with netmap 89607e14; docs/native-mode.md has the same table."""

_SERIES = re.compile(r"\d+\.\d+\.\d+-\d+(?=\.\S*el\d)|\d+\.\d+")
"""Kernels with the same interfaces: EL's builds of one minor release (5.14.0-503), others of one version (6.1)."""

_INTEL = re.compile(r"v(\d[\w.]*)\.zip")


@dataclass(frozen=True)
class Request:
    """The variables of the role netmap, without their prefix, and the ``kernel`` to build for.

    ``drivers`` is empty for the driver of ``interface``; ``archives`` are dicts with driver, path and sha256.
    """

    native_route: str
    kernel: str
    interface: str
    drivers: Sequence[str] = ()
    no_ext_drivers: Sequence[str] = ()
    select_versions: Mapping[str, str] = field(default_factory=dict)
    kernel_sources: str = ""
    driver_archives: Sequence[Mapping[str, str]] = ()
    rebind_ok: bool = False
    emulated_ok: bool = False


@dataclass(frozen=True)
class Route:
    """What to build: the options of the recipe, and ``reason``, one line on which sources and why.

    Without ``drivers`` the adapter is emulated. ``package`` is Debian's package with the kernel's sources, if needed.
    """

    reason: str
    drivers: tuple[str, ...] = ()
    no_ext_drivers: tuple[str, ...] = ()
    select_versions: Mapping[str, str] = field(default_factory=dict)
    kernel_sources: str = ""
    driver_archives: tuple[Mapping[str, str], ...] = ()
    package: str = ""


@dataclass(frozen=True)
class _Source:
    """A source of one driver; ``at`` is where it is."""

    driver: str
    route: str
    at: str
    version: str = ""


def choose(request: Request, root: str = "/") -> Route:
    """The route for ``request``.

    Raises ``InputError`` when no source of a driver is given, or the user did not consent to the driver's
    replacement; with ``emulated_ok`` the adapter is emulated instead, and the reason says why.
    """
    if request.native_route not in ROUTES:
        raise InputError(VARIABLE, request.native_route, "is not a route", f"Use one of {', '.join(ROUTES)}.")
    if request.native_route == NONE:
        return Route(f"{VARIABLE} is none: netmap emulates the adapter.")
    try:
        return _native(request, root)
    except InputError as error:
        if request.emulated_ok:
            return Route(f"netmap emulates the adapter, as netmap_emulated_ok permits: {error}")
        hint = f"{error.hint} Or set netmap_emulated_ok: true, or {VARIABLE}: none, for the emulated adapter."
        raise InputError(error.subject, error.value, error.rule, hint) from error


def outcome(kernel: str, driver: str, route: str, version: str = "") -> tuple[str, str]:
    """What was seen of a driver on this kernel or another one of its series: the outcome, and that kernel."""
    found = [seen for seen in SEEN if (seen.driver, seen.route, seen.version) == (driver, route, version)]
    exact = [seen for seen in found if seen.kernel == kernel]
    similar = exact or [seen for seen in found if _series(seen.kernel) == _series(kernel)]
    return (similar[0].outcome, similar[0].kernel) if similar else (NEVER_TRIED, kernel)


def _native(request: Request, root: str) -> Route:
    drivers = tuple(request.drivers) or (_driver(request.interface, root),)
    if not request.rebind_ok:
        rule = f"the patched {', '.join(drivers)} may not replace the stock driver of {request.interface}"
        raise InputError("netmap_rebind_ok", False, rule, "Set it to true; the interface disappears briefly.")
    sources = [_source(driver, request, root) for driver in drivers]
    of_kernel = [source for source in sources if source.route == KERNEL]
    external = {source.driver: source for source in sources if source.route == EXTERNAL}
    versions = {driver: source.version for driver, source in external.items() if source.version}
    return Route(
        f"{'; '.join(_explain(source, request.kernel) for source in sources)}.",
        drivers,
        tuple(source.driver for source in of_kernel if source.driver in EXTERNAL_DRIVERS),
        {**versions, **{name: str(version) for name, version in request.select_versions.items() if name in external}},
        of_kernel[0].at if of_kernel else "",
        tuple(archive for archive in request.driver_archives if archive["driver"] in external),
        f"linux-source-{_minor(request.kernel)}" if of_kernel and not request.kernel_sources else "",
    )


def _driver(interface: str, root: str) -> str:
    """netmap's name of the driver of ``interface``."""
    module = driver_of(interface, root)
    for driver in DRIVERS:
        if module_names((driver,)) == (module,):
            return driver
    rule = f"has the driver {module}, which netmap does not patch" if module else "has no driver on this host"
    raise InputError("netmap_interface", interface, rule, f"Use an interface with one of {', '.join(DRIVERS)}.")


def _source(driver: str, request: Request, root: str) -> _Source:
    """The source of ``driver`` with the best outcome; the kernel's own among equals, which is of this kernel."""
    if driver not in DRIVERS:
        raise InputError("netmap_drivers", driver, "is not a driver that netmap patches", f"Use {', '.join(DRIVERS)}.")
    kernel_only = request.native_route == KERNEL or driver in request.no_ext_drivers
    possible, lacking = [], []
    if request.native_route != EXTERNAL:
        path = request.kernel_sources or _debian_sources(request.kernel, root)
        possible += [_Source(driver, KERNEL, path)] if path else []
        lacking += [] if path else ["netmap_kernel_sources is empty"]
    if not kernel_only and driver in EXTERNAL_DRIVERS:
        paths = [archive["path"] for archive in request.driver_archives if archive["driver"] == driver]
        possible += [_Source(driver, EXTERNAL, path, _version(driver, path, request)) for path in paths[:1]]
        lacking += [] if paths else [f"netmap_driver_archives has no archive of {driver}"]
    elif not kernel_only and request.native_route == EXTERNAL:
        lacking.append(f"{driver} has no external source")
    ranks = {source: OUTCOMES.index(_outcome(source, request.kernel)[0]) for source in possible}
    lacking += [_explain(source, request.kernel) for source in possible if ranks[source] == 0]
    usable = [source for source in possible if ranks[source] > 0]
    if not usable:
        rule = f"there is no source of {driver} for {request.kernel}: {', and '.join(lacking)}"
        raise InputError(VARIABLE, request.native_route, rule, "docs/native-mode.md says which source to give.")
    return max(usable, key=lambda source: ranks[source])


def _version(driver: str, path: str, request: Request) -> str:
    """The version of an external source: the selected one, or that in the name of Intel's archives."""
    selected = request.select_versions.get(driver)
    match = _INTEL.fullmatch(os.path.basename(path)) if driver in OWN_FOLDER else None
    return str(selected) if selected else match[1] if match else ""


def _explain(source: _Source, kernel: str) -> str:
    result, seen_on = _outcome(source, kernel)
    origin = "the kernel's own sources" if source.route == KERNEL else "the external source"
    where = f"on {kernel}" if seen_on == kernel else f"on {seen_on}, a similar kernel"
    return f"{source.driver} from {origin} {source.at}: {result} {where}"


def _outcome(source: _Source, kernel: str) -> tuple[str, str]:
    return outcome(kernel, source.driver, source.route, source.version)


def _debian_sources(kernel: str, root: str) -> str:
    """The archive in Debian's package of the kernel's sources; empty on other distributions."""
    debian = Path(root, "etc/debian_version").exists()
    return f"/usr/src/linux-source-{_minor(kernel)}.tar.xz" if debian else ""


def _minor(kernel: str) -> str:
    return ".".join(kernel.split(".")[:2])


def _series(kernel: str) -> str:
    match = _SERIES.match(kernel)
    return match[0] if match else kernel


def as_values(route: Route) -> dict[str, Any]:
    """The route as plain values, as JSON has them."""
    return {
        "reason": route.reason,
        "drivers": list(route.drivers),
        "no_ext_drivers": list(route.no_ext_drivers),
        "select_versions": dict(route.select_versions),
        "kernel_sources": route.kernel_sources,
        "driver_archives": [dict(archive) for archive in route.driver_archives],
        "package": route.package,
    }

"""The native route: what is chosen, why, and when the adapter is emulated instead."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from linerate.errors import InputError
from linerate.packages.netmap.recipe import DriverArchive, KernelSources, Recipe
from linerate.packages.netmap.route import (
    DEBIAN_12,
    EL_9_5,
    EL_9_6,
    OUTCOMES,
    SEEN,
    Request,
    Route,
    as_values,
    choose,
)

TREE = "/usr/src/linux-5.14.0-503.22.1.el9_5.tar.xz"
IXGBE = {"driver": "ixgbe", "path": "/srv/v6.1.6.zip", "sha256": "a" * 64}
OLD = {**IXGBE, "path": "/srv/v5.15.2.zip"}
BOTH = Request("auto", EL_9_5, "ens17", ["ixgbe"], (), {}, TREE, [IXGBE], rebind_ok=True)
EXTERNAL = Route(
    f"ixgbe from the external source /srv/v6.1.6.zip: compiled on {EL_9_5}.",
    ("ixgbe",),
    select_versions={"ixgbe": "6.1.6"},
    driver_archives=(IXGBE,),
)
OWN = Route(f"ixgbe from the kernel's own sources {TREE}: loaded on {EL_9_5}.", ("ixgbe",), ("ixgbe",), {}, TREE)


@pytest.fixture
def root(tmp_path: Path) -> str:
    """A host whose ens17 is an X520."""
    (tmp_path / "sys/class/net/ens17/device/driver").mkdir(parents=True)
    (tmp_path / "sys/module/ixgbe").mkdir(parents=True)
    (tmp_path / "sys/class/net/ens17/device/driver/module").symlink_to(tmp_path / "sys/module/ixgbe")
    return str(tmp_path)


@pytest.mark.parametrize(
    ("changed", "chosen"),
    [
        ({}, OWN),
        ({"native_route": "kernel"}, OWN),
        ({"native_route": "external"}, EXTERNAL),
        ({"kernel_sources": ""}, EXTERNAL),
        ({"driver_archives": []}, OWN),
        ({"driver_archives": [OLD]}, OWN),
        ({"drivers": []}, OWN),
        ({"native_route": "none"}, Route("netmap_native_route is none: netmap emulates the adapter.")),
    ],
)
def test_the_route_follows_from_what_is_given_and_what_was_seen(root, changed, chosen):
    assert choose(replace(BOTH, **changed), root) == chosen


def test_a_selected_version_overrides_that_in_the_name(root):
    request = replace(BOTH, native_route="external", select_versions={"ixgbe": "6.1.5", "igb": "1.0"})
    assert choose(request, root).select_versions == {"ixgbe": "6.1.5"}


def test_a_driver_may_be_excluded_from_the_external_route(root):
    assert choose(replace(BOTH, kernel=EL_9_6, no_ext_drivers=["ixgbe"]), root).no_ext_drivers == ("ixgbe",)


@pytest.mark.parametrize(
    ("kernel", "said"),
    [
        (EL_9_6, f"compiled on {EL_9_6}"),
        ("5.14.0-503.40.1.el9_5.x86_64", f"loaded on {EL_9_5}, a similar kernel"),
        ("5.14.0-611.5.1.el9_7.x86_64", "never tried on 5.14.0-611.5.1.el9_7.x86_64"),
    ],
)
def test_the_reason_says_what_was_seen_on_which_kernel(root, kernel, said):
    assert choose(replace(BOTH, kernel=kernel), root).reason == f"ixgbe from the kernel's own sources {TREE}: {said}."


def test_debians_sources_are_those_of_its_package(root):
    request = Request("auto", DEBIAN_12, "ens4", ["e1000"], rebind_ok=True)
    Path(root, "etc").mkdir()
    Path(root, "etc/debian_version").write_text("12.9\n")
    route = choose(request, root)
    assert (route.kernel_sources, route.package) == ("/usr/src/linux-source-6.1.tar.xz", "linux-source-6.1")
    assert route.reason.endswith(f": sent on {DEBIAN_12}.")
    assert choose(replace(request, kernel_sources="/srv/linux"), root).package == ""


NOTHING = {"kernel_sources": "", "driver_archives": []}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"native_route": "fast"}, "netmap_native_route 'fast': is not a route. Use one of auto, external, kernel"),
        ({"rebind_ok": False}, "netmap_rebind_ok False: the patched ixgbe may not replace the stock driver of ens17"),
        (
            NOTHING,
            f"ixgbe for {EL_9_5}: netmap_kernel_sources is empty, and netmap_driver_archives has no",
        ),
        ({**NOTHING, "native_route": "kernel"}, f"ixgbe for {EL_9_5}: netmap_kernel_sources is empty. docs/native"),
        ({**NOTHING, "native_route": "external"}, f"{EL_9_5}: netmap_driver_archives has no archive of ixgbe. docs/"),
        (
            {"native_route": "external", "driver_archives": [OLD]},
            f"ixgbe from the external source /srv/v5.15.2.zip: does not compile on {EL_9_5}",
        ),
        ({"native_route": "external", "drivers": ["e1000"]}, "e1000 has no external source"),
        ({"drivers": ["tg3"]}, "netmap_drivers 'tg3': is not a driver that netmap patches"),
        ({"drivers": [], "interface": "lo"}, "netmap_interface 'lo': has no driver on this host"),
    ],
)
def test_the_adapter_is_emulated_only_with_consent(root, changed, message):
    with pytest.raises(InputError) as error:
        choose(replace(BOTH, **changed), root)
    assert message in str(error.value)
    if "native_route" not in changed or changed["native_route"] != "fast":
        assert str(error.value).endswith(
            " Or set netmap_emulated_ok: true, or netmap_native_route: none, for the emulated adapter."
        )
        route = choose(replace(BOTH, emulated_ok=True, **changed), root)
        assert route.drivers == ()
        assert route.reason.startswith("netmap emulates the adapter, as netmap_emulated_ok permits: ")
        assert message in route.reason


@pytest.mark.parametrize("changed", [{}, {"native_route": "external"}, {"native_route": "none"}])
def test_every_route_is_a_recipe(root, changed):
    values = as_values(choose(replace(BOTH, **changed), root))
    sources = KernelSources(values["kernel_sources"], "c" * 64) if values["kernel_sources"] else None
    archives = tuple(DriverArchive(**archive) for archive in values["driver_archives"])
    recipe = Recipe(
        "0" * 40,
        EL_9_5,
        tuple(values["drivers"]),
        tuple(values["no_ext_drivers"]),
        values["select_versions"],
        sources,
        archives,
    )
    assert recipe.modules[1:] == (("ixgbe",) if values["drivers"] else ())


def test_the_documentation_has_the_same_table():
    text = (Path(__file__).parents[4] / "docs/native-mode.md").read_text(encoding="utf-8")
    rows = {tuple(cell.strip(" `") for cell in line.strip("|").split("|")) for line in text.splitlines() if "|" in line}
    seen = {(one.kernel, one.driver, f"{one.route} {one.version}".strip(), one.outcome) for one in SEEN}
    assert seen == {row[:4] for row in rows if len(row) > 4 and row[3] in OUTCOMES}

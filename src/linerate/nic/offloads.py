"""The offloads of a NIC, parsed from `ethtool -k`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..system.run import Runner

_FEATURE = re.compile(r"^(?P<indent>\s*)(?P<name>[a-z0-9-]+): (?P<value>on|off)(?P<rest>.*)")
# `ethtool -K` sets these features of `ethtool -k` by another name (ethtool(8)).
_SHORT = {
    "rx-checksumming": "rx",
    "tx-checksumming": "tx",
    "scatter-gather": "sg",
    "tcp-segmentation-offload": "tso",
    "generic-segmentation-offload": "gso",
    "generic-receive-offload": "gro",
    "large-receive-offload": "lro",
    "rx-vlan-offload": "rxvlan",
    "tx-vlan-offload": "txvlan",
    "ntuple-filters": "ntuple",
    "receive-hashing": "rxhash",
}


@dataclass(frozen=True)
class Feature:
    """One feature. A ``fixed`` one cannot be changed; one with ``members`` is a heading that stands for them."""

    name: str
    on: bool
    fixed: bool
    members: tuple[Feature, ...] = ()

    @property
    def key(self) -> str:
        """The name that `ethtool -K` takes."""
        return _SHORT.get(self.name, self.name)


def read_features(interface: str, run: Runner) -> list[Feature]:
    """The features of ``interface`` in ethtool's order, members below their headings; none if ethtool shows none."""
    features: list[Feature] = []
    for match in filter(None, map(_FEATURE.match, run(["ethtool", "-k", interface]).stdout.splitlines())):
        feature = Feature(match["name"], match["value"] == "on", "[fixed]" in match["rest"])
        if match["indent"] and features:
            heading = features[-1]
            features[-1] = Feature(heading.name, heading.on, heading.fixed, (*heading.members, feature))
        else:
            features.append(feature)
    return features


def changeable(features: list[Feature]) -> dict[str, bool]:
    """Whether each feature that can be changed is on, by the names of `ethtool -K`; members in place of headings."""
    single = (member for feature in features for member in feature.members or (feature,))
    return {feature.key: feature.on for feature in single if not feature.fixed}


def feature_groups(features: list[Feature]) -> dict[str, list[str]]:
    """The features that each name, long or short, stands for: itself, and its members that are not fixed."""
    groups: dict[str, list[str]] = {}
    for feature in features:
        members = [feature.key, *(member.name for member in feature.members if not member.fixed)]
        groups[feature.name] = groups[feature.key] = members
    return groups

"""The sender is tuned as configured. Collected only where sender_tuning_ok is true.

A setting that the host does not support is a failure only where its value is not the default.
"""

from __future__ import annotations

import json

import pytest


@pytest.fixture(scope="module")
def tuning(host, expected) -> dict:
    """The changes that are still needed, from the module in check mode; only ``msg``, the reason, where it fails."""
    return host.ansible("linerate_tuning", json.dumps(expected["sender_tuning"]))


@pytest.fixture(scope="module")
def differences(tuning) -> dict[str, str]:
    """For each aspect the settings that differ from the expected ones, as text."""
    return {
        aspect["aspect"]: ", ".join(
            f"{key} is {aspect['found'][key]}, not {wanted}"
            for key, wanted in aspect["wanted"].items()
            if aspect["found"].get(key, wanted) != wanted
        )
        for aspect in tuning.get("aspects", [])
    }


def test_tuning_is_supported(tuning):
    """The sender supports the configured tuning."""
    assert "aspects" in tuning, tuning.get("msg")


def test_governor(differences):
    """The CPUs have the configured governor."""
    assert not differences.get("governor"), differences["governor"]


def test_rings(differences):
    """The NIC's rings have the configured size."""
    assert not differences.get("rings"), differences["rings"]


def test_flow_control(differences):
    """The NIC's flow control is as configured."""
    assert not differences.get("flow_control"), differences["flow_control"]


def test_offloads(differences):
    """The NIC's offloads are as configured."""
    assert not differences.get("offloads"), differences["offloads"]


def test_interrupts(differences, tuning):
    """The NIC's interrupts go to the configured CPUs."""
    irqbalance = [line for line in tuning.get("report", []) if line.startswith("irqbalance")]
    assert not differences.get("irq_affinity"), "; ".join([differences["irq_affinity"], *irqbalance])


def test_isolation(differences):
    """The CPU of tcpreplay is isolated."""
    assert not differences.get("isolation"), differences["isolation"]

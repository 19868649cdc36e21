"""The sender is set as it was asked for. Collected only with sender_tuning_ok.

What the host has not is no broken promise, unless another value than the default asks for it.
"""

from __future__ import annotations

import json
import os

import pytest

WISHES = json.loads(os.environ["LINERATE_VERIFY_TUNING"])


@pytest.fixture(scope="module")
def looked(host) -> dict:
    """What would have to be changed, by the module in check mode; only ``msg``, why, where it cannot be had."""
    return host.ansible("linerate_tuning", json.dumps({**WISHES, "consent": True}))


@pytest.fixture(scope="module")
def differing(looked) -> dict[str, str]:
    """For each aspect the settings that are not as asked for, in words."""
    return {
        aspect["aspect"]: ", ".join(
            f"{key} is {aspect['found'][key]}, not {wanted}"
            for key, wanted in aspect["wanted"].items()
            if aspect["found"].get(key, wanted) != wanted
        )
        for aspect in looked.get("aspects", [])
    }


def test_the_host_can_be_set_as_asked_for(looked):
    """The sender can be set as asked for."""
    assert "aspects" in looked, looked.get("msg")


def test_governor(differing):
    """The CPUs have the governor asked for."""
    assert not differing.get("governor"), differing["governor"]


def test_rings(differing):
    """The NIC's rings are as large as asked for."""
    assert not differing.get("rings"), differing["rings"]


def test_flow_control(differing):
    """The NIC's flow control is as asked for."""
    assert not differing.get("flow_control"), differing["flow_control"]


def test_offloads(differing):
    """The NIC's offloads are as asked for."""
    assert not differing.get("offloads"), differing["offloads"]


def test_interrupts(differing, looked):
    """The NIC's interrupts go where asked for."""
    balanced = [line for line in looked.get("report", []) if line.startswith("irqbalance")]
    assert not differing.get("irq_affinity"), "; ".join([differing["irq_affinity"], *balanced])


def test_isolation(differing):
    """The CPU of tcpreplay is isolated."""
    assert not differing.get("isolation"), differing["isolation"]

"""Hypothesis: the same examples in every run, without a deadline, which a busy machine would exceed."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "linerate",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("linerate")

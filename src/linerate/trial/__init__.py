"""Trials: the plan, the result model, and the verdict."""

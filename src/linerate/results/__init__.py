"""Stored results: the model, the store, groups, statistics and comparisons."""

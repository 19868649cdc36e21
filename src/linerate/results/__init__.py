"""The results of trials: model, store, groups, statistics and comparisons."""

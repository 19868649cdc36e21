"""The view of a run while it runs: on a terminal, or as lines in a pipe."""

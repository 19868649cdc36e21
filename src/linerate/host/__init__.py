"""The state of a host: interfaces, counters, kernel, and the embedded lab."""

"""A network interface: its properties, settings, users and counters."""

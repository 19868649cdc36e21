"""The operating system: commands, locks, files, and what must end with whoever started it."""

"""The operating system: commands, files, locks, and processes that must not outlive their caller."""

"""Searches: which trial is next, and what the trials so far say of the device."""

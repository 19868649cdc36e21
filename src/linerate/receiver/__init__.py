"""Counting at the receiver: the packet counter, its process, and the sampler."""

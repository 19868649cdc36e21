"""Tuning of a sender and its restoration: CPU governor, rings, flow control, offloads, interrupts, CPU isolation."""

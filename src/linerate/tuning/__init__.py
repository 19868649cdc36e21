"""How a sender's host is set for sending, and set back: governor, rings, flow control, offloads, IRQs, a core."""

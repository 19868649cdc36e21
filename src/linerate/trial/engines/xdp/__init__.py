"""The engine ``xdp``: linerate's own AF_XDP sender, with or without a copy of each frame."""

"""The AF_XDP sender: a program of its own that sends a pcap from memory through an XDP socket, without a build."""

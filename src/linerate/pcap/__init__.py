"""pcap files: one Scapy template, patched bytes, a manifest, and a reader that checks."""

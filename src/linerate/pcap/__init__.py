"""pcap files: the specification, the Scapy template, writing, the manifest, and a reader that validates."""

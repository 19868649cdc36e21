"""pcap files: those that are generated, captures and their conversion, the manifest, and a reader that validates."""

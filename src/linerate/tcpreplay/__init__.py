"""tcpreplay: its command line, its statistics, its version, and its supervision."""

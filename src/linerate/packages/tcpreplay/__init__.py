"""tcpreplay as a source product."""

"""netmap as a source product."""

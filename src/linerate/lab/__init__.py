"""Test benches on one machine: network namespaces and guests."""

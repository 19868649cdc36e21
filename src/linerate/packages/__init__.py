"""Source products: one pipeline to build, pack, install and remove them, with recipes for netmap and tcpreplay."""

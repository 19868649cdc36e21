"""Source products: archives, builds and installation, with the recipes for netmap and tcpreplay."""

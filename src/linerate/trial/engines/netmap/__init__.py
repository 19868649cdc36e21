"""The engine ``netmap``: tcpreplay through netmap's native or emulated adapter."""

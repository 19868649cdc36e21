"""netmap on a host: the loaded module, its users, and the adapter that it gives an interface."""

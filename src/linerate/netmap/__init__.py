"""netmap on a host: what is built, how it is packed and installed, whether it is loaded, which adapter a NIC gets."""

"""One image for all services, and what its containers run besides them."""

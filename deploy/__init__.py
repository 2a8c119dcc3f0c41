"""How an installation of Salur comes to stand on a machine."""

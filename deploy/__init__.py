"""Local installation, containers, demonstration and the simulated outside world."""

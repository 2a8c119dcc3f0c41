"""The simulated outside world: a cohort, the upstream systems that report on it, and the partners that pay."""

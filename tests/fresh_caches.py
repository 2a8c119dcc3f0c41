"""Empty caches before each test, for `make mutants`: a change whose result is kept from before would not be seen."""

import sys


def pytest_runtest_setup() -> None:
    """Forget the results that the domains keep."""
    domains = [module for name, module in sys.modules.items() if name.startswith("services.") and ".domain." in name]
    for domain in domains:
        for value in vars(domain).values():
            if hasattr(value, "cache_clear"):
                value.cache_clear()

"""Amounts of the simulated scheme, read from its file."""

import tomllib
from importlib.resources import files

_NORMAL = tomllib.loads((files("services.enrollment") / "schemes" / "normal-2023.toml").read_text())

INCENTIVE: int = _NORMAL["incentive"]["amount"]
"""Whole rupiah."""

"""Amounts of the simulated scheme, read from the files of its versions."""

import tomllib
from importlib.resources import files
from typing import Any

from deploy.simulation.people import OPENS_AT

SCHEME = "normal-2023"
SCHEMES = files("services.enrollment") / "schemes"


def _version_in_force() -> dict[str, Any]:
    """Return the highest version whose first day has come when the simulated wave opens."""
    before = [file for file in (SCHEMES / "superseded").iterdir() if file.name.startswith(f"{SCHEME}.")]
    versions = [tomllib.loads(file.read_text()) for file in (SCHEMES / f"{SCHEME}.toml", *before)]
    in_force = [version for version in versions if version["in_force_from"] <= OPENS_AT.date()]
    return max(in_force, key=lambda version: int(version["version"]))


INCENTIVE: int = _version_in_force()["incentive"]["amount"]
"""Whole rupiah."""

"""Amounts and deadlines of the simulated schemes, read from the files of their versions."""

import tomllib
from datetime import datetime
from importlib.resources import files
from typing import Any

from deploy.simulation.calendar import end_of_day, jakarta_day
from deploy.simulation.people import OPENS_AT, SEMI_BANSOS_WAVE, SMALL_WAVE, WAVE

NORMAL, SEMI_BANSOS = "normal-2023", "semi-bansos-2020"
SCHEME_OF = {WAVE: NORMAL, SEMI_BANSOS_WAVE: SEMI_BANSOS, SMALL_WAVE: NORMAL}
SCHEMES = files("services.enrollment") / "schemes"


def _version_in_force(scheme: str) -> dict[str, Any]:
    """Return the highest version whose first day has come when the simulated waves open."""
    before = [file for file in (SCHEMES / "superseded").iterdir() if file.name.startswith(f"{scheme}.")]
    versions = [tomllib.loads(file.read_text()) for file in (SCHEMES / f"{scheme}.toml", *before)]
    in_force = [version for version in versions if version["in_force_from"] <= OPENS_AT.date()]
    return max(in_force, key=lambda version: int(version["version"]))


RULES = {scheme: _version_in_force(scheme) for scheme in (NORMAL, SEMI_BANSOS)}
INCENTIVE: int = RULES[NORMAL]["incentive"]["amount"]
"""Whole rupiah."""


def incentive_amounts(wave: str) -> list[int]:
    """Return the rupiah of each incentive, in the order in which they fall due, a month apart."""
    rule = RULES[SCHEME_OF[wave]]["incentive"]
    return [int(rule["amount"])] * int(rule["times"])


def survey_amount(wave: str) -> int:
    return int(RULES[SCHEME_OF[wave]]["survey"]["amount"])


def survey_times(wave: str) -> int:
    return int(RULES[SCHEME_OF[wave]]["survey"]["times"])


def training_balance(wave: str) -> int:
    return int(RULES[SCHEME_OF[wave]]["training_balance"])


def days_to_buy(wave: str) -> tuple[int, int | None]:
    """Return the days in which the first training must be bought, and the next one; None: there is no deadline."""
    rule = RULES[SCHEME_OF[wave]]["purchase"]
    return int(rule["first_within_days"]), rule.get("next_within_days")


def cut_off_at(wave: str) -> datetime | None:
    """Return when the unspent money of a wave returns to the treasury; None: never."""
    days = RULES[SCHEME_OF[wave]]["cut_offs"]
    return next((end_of_day(day) for day in days if day >= jakarta_day(OPENS_AT)), None)

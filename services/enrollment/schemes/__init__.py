"""Scheme files: `<scheme>.toml`, loaded and validated when the service starts."""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from services.enrollment.domain.scheme import Scheme
from shared.contracts.fields import MAX_RUPIAH

FOLDER = Path(__file__).parent
# Bounds that events with such numbers, and dates computed from them, can hold.
_DAYS, _RUPIAH, _AGE = range(366), range(1, MAX_RUPIAH + 1), range(151)
BOUNDS = {
    "version": range(1, 2**31),
    "training_balance": _RUPIAH,
    "amount": _RUPIAH,
    "times": range(1, 13),
    "age_at_least": _AGE,
    "age_at_most": _AGE,
    "days": _DAYS,
    "first_within_days": _DAYS,
    "next_within_days": _DAYS,
    "evidence_days": _DAYS,
    "complete_within_days": _DAYS,
    "minimum_hours": range(10_001),
    "class_at_most": range(1, 1_000_001),
}
FORMS = {"scheme": r"[A-Za-z0-9._/-]{1,64}", "offline_regions": r"[0-9]{1,4}"}


class _File(BaseModel):
    """A scheme file: strict types, and no unknown keys in any table."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    scheme: Scheme


def load_schemes(folder: Path = FOLDER) -> Mapping[str, Scheme]:
    """Return all schemes by name. Raise ValueError for an invalid file, or one named unlike its scheme."""
    schemes = {path.stem: load_scheme(path) for path in sorted(folder.glob("*.toml"))}
    for name, scheme in schemes.items():
        if scheme.scheme != name:
            raise ValueError(f"{name}.toml describes {scheme.scheme}: name the file after its scheme")
    return schemes


def load_scheme(path: Path) -> Scheme:
    """Return the scheme of one file. It passes through JSON, since a strict tuple accepts only a JSON array."""
    scheme = _File.model_validate_json(json.dumps({"scheme": tomllib.loads(path.read_text("utf-8"))})).scheme
    _check(asdict(scheme))
    return scheme


def _check(part: Mapping[str, object]) -> None:
    """Raise ValueError for a number out of its bounds, or a text of the wrong form."""
    for name, value in part.items():
        if isinstance(value, Mapping):
            _check(value)
        elif isinstance(value, int) and not isinstance(value, bool) and value not in (bounds := BOUNDS[name]):
            raise ValueError(f"{name} must be a whole number from {bounds[0]} to {bounds[-1]}")
        elif form := FORMS.get(name):
            texts = value if isinstance(value, tuple) else () if value is None else (value,)
            if not all(re.fullmatch(form, str(text)) for text in texts):
                raise ValueError(f"{name} must match {form}")

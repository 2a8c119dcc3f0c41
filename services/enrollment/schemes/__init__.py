"""Scheme files: `<scheme>.toml`, read and validated when the service starts."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from services.enrollment.domain.scheme import Scheme

FOLDER = Path(__file__).parent


class _File(BaseModel):
    """Strict, and nothing unknown, down to the last table."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    scheme: Scheme


def load_schemes(folder: Path = FOLDER) -> Mapping[str, Scheme]:
    """All schemes by name. Raises ValueError when a file is not a scheme, or not the one it is named after."""
    schemes = {path.stem: load_scheme(path) for path in sorted(folder.glob("*.toml"))}
    for name, scheme in schemes.items():
        if scheme.scheme != name:
            raise ValueError(f"{name}.toml describes {scheme.scheme}")
    return schemes


def load_scheme(path: Path) -> Scheme:
    """One file; by way of JSON, whose arrays are what a strict tuple is made of."""
    return _File.model_validate_json(json.dumps({"scheme": tomllib.loads(path.read_text("utf-8"))})).scheme

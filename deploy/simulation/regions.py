"""Real places: Indonesia's 514 regencies and cities and their districts, by the Ministry of Home Affairs' codes."""

import gzip
import json
from functools import cache
from importlib.resources import files


@cache
def districts() -> tuple[str, ...]:
    """Return all district codes: six digits for province, regency and district."""
    codes = json.loads(gzip.decompress(files("lokal").joinpath("data/wilayah.json.gz").read_bytes()))
    return tuple(sorted(code.replace(".", "") for code in codes if code.count(".") == 2))


@cache
def regencies() -> tuple[str, ...]:
    """Return all regency codes, four digits each."""
    return tuple(sorted({district[:4] for district in districts()}))

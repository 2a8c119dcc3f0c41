"""Real places: the 514 regencies and cities, with their districts, by the codes of the Ministry of Home Affairs."""

import gzip
import json
from functools import cache
from importlib.resources import files


@cache
def districts() -> tuple[str, ...]:
    """Six digits each: province, regency, district."""
    codes = json.loads(gzip.decompress(files("lokal").joinpath("data/wilayah.json.gz").read_bytes()))
    return tuple(sorted(code.replace(".", "") for code in codes if code.count(".") == 2))


@cache
def regencies() -> tuple[str, ...]:
    """Four digits each."""
    return tuple(sorted({district[:4] for district in districts()}))

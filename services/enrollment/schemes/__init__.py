"""Scheme files: `<scheme>.toml` is the latest version, `superseded/<scheme>.<version>.toml` are those before it.

A version decides what happened from its first day on, until the next one's; no decision is made anew.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from services.enrollment.domain.scheme import Scheme, SchemeVersions
from services.enrollment.schemes.reader import fingerprint_rules, read_scheme
from shared.errors import InvalidFile

FOLDER = Path(__file__).parent
SUPERSEDED = "superseded"
Schemes = Mapping[str, SchemeVersions]
"""By name."""


def load_schemes(folder: Path = FOLDER) -> Schemes:
    """Return all schemes by name. Raise InvalidFile for a file that is wrong, or does not fit the others."""
    found: defaultdict[str, list[Scheme]] = defaultdict(list)
    for path in scheme_files(folder):
        scheme = read_scheme(path)
        name = scheme.name if path.parent.name == SUPERSEDED else scheme.scheme
        if path.stem != name:
            raise InvalidFile(f"{path.name} describes {name}: name it {name}.toml")
        found[scheme.scheme].append(scheme)
    if not found:
        raise InvalidFile(f"{folder} holds no scheme; it needs one file <scheme>.toml for each")
    return {name: _in_order(folder / f"{name}.toml", schemes) for name, schemes in found.items()}


def find_version(schemes: Schemes, name: str) -> Scheme | None:
    """Return the latest version of a scheme by its name, or the one that a name such as `normal-2023.1` tells."""
    if name in schemes:
        return schemes[name].latest
    return next((one for versions in schemes.values() for one in versions.versions if one.name == name), None)


def read_candidate(path: Path, schemes: Schemes) -> Scheme:
    """Return the scheme of a file that may become a version. Raise InvalidFile if it is wrong, or changes a version."""
    candidate = read_scheme(path)
    known = schemes.get(candidate.scheme)
    if known and any(one.version == candidate.version and one != candidate for one in known.versions):
        raise InvalidFile(
            f"{path.name}: version must be {known.latest.version + 1}, since decisions may have been made under the"
            f" {candidate.version} that stands, which says something else"
        )
    return candidate


def fingerprint_schemes(folder: Path) -> dict[str, str]:
    """Return the digest of each version's rules by its name; comments and the order of keys do not count."""
    return {read_scheme(path).name: fingerprint_rules(path) for path in scheme_files(folder)}


def scheme_files(folder: Path) -> list[Path]:
    """Return the files of all versions."""
    return [*sorted(folder.glob("*.toml")), *sorted((folder / SUPERSEDED).glob("*.toml"))]


def _in_order(file: Path, schemes: Sequence[Scheme]) -> SchemeVersions:
    """Return the versions of a scheme, its own file first. Raise InvalidFile unless numbers and first days rise."""
    if not file.exists():
        raise InvalidFile(f"{SUPERSEDED}/{schemes[0].name}.toml has no successor {file.name}")
    latest, *before = schemes
    before.sort(key=lambda scheme: scheme.version, reverse=True)
    for later, earlier in pairwise((latest, *before)):
        name = file.name if later is latest else f"{later.name}.toml"
        if later.version <= earlier.version:
            raise InvalidFile(f"{name}: version must be above that of {SUPERSEDED}/{earlier.name}.toml")
        if later.in_force_from < earlier.in_force_from:
            raise InvalidFile(f"{name}: in_force_from must not be before that of {SUPERSEDED}/{earlier.name}.toml")
    return SchemeVersions((latest, *before))

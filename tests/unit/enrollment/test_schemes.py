"""Scheme files, validated when they are loaded."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

import pytest

from services.enrollment.schemes import BOUNDS, FOLDER, load_scheme, load_schemes

NORMAL = (FOLDER / "normal-2023.toml").read_text("utf-8")
AMOUNT = next(line for line in NORMAL.splitlines() if line.startswith("amount = "))


def test_the_amounts_are_those_of_the_programme() -> None:
    normal, earlier = load_schemes()["normal-2023"], load_scheme(Path(__file__).with_name("semi-bansos-2020.toml"))
    assert (normal.training_balance, normal.incentive.amount, normal.incentive.times) == (3_500_000, 600_000, 1)
    assert (normal.survey.amount, normal.survey.times) == (50_000, 2)
    assert (earlier.training_balance, earlier.incentive.total, earlier.survey.total) == (1_000_000, 2_400_000, 150_000)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (AMOUNT, f"{AMOUNT}.5"),
        (AMOUNT, 'amount = "600000"'),
        (AMOUNT, AMOUNT.replace("= ", "= -")),
        (AMOUNT, f"{AMOUNT}\ncurrency = 'IDR'"),
        (AMOUNT, ""),
        ('post_test = "passed"', 'post_test = "almost"'),
        ("[modes.online]", "[modes.evening]"),
        ("graded = true", "graded = 1"),
        ('scheme = "normal-2023"', 'scheme = "normal-2024"'),
    ],
)
def test_invalid_scheme_file_is_refused(tmp_path: Path, old: str, new: str) -> None:
    assert old in NORMAL
    (tmp_path / "normal-2023.toml").write_text(NORMAL.replace(old, new, 1))
    with pytest.raises(ValueError):
        load_schemes(tmp_path)


def numbers(part: Mapping[str, object]) -> Iterator[str]:
    for name, value in part.items():
        if isinstance(value, Mapping):
            yield from numbers(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            yield name


def test_every_number_of_a_scheme_has_bounds() -> None:
    assert set(numbers(asdict(load_schemes()["normal-2023"]))) == BOUNDS.keys()


@pytest.mark.parametrize("name", BOUNDS)
def test_scheme_number_beyond_its_bounds_is_refused(tmp_path: Path, name: str) -> None:
    file, bounds = tmp_path / "normal-2023.toml", BOUNDS[name]
    other_kind = NORMAL.replace('kind = "normal"', 'kind = "semi-bansos"')
    for value in (bounds[0], bounds[-1], bounds[0] - 1, bounds[-1] + 1, 10**30):
        file.write_text(re.sub(rf"(?m)^{name} = .*$", f"{name} = {value}", other_kind, count=1))
        if value in bounds:
            load_scheme(file)
        else:
            with pytest.raises(ValueError):
                load_scheme(file)


@pytest.mark.parametrize("line", ['scheme = "normal 2023"', 'offline_regions = ["32", "Bandung"]', 'scheme = ""'])
def test_scheme_text_of_the_wrong_form_is_refused(tmp_path: Path, line: str) -> None:
    name = line.partition(" ")[0]
    file = tmp_path / "normal-2023.toml"
    file.write_text(re.sub(rf"(?m)^(# )?{name}[ :].*$", line, NORMAL, count=1))
    with pytest.raises(ValueError, match=f"{name} must match"):
        load_scheme(file)


def test_the_normal_scheme_gives_more_to_training_than_as_cash(tmp_path: Path) -> None:
    normal, file = load_schemes()["normal-2023"], tmp_path / "normal-2023.toml"
    cash = normal.incentive.total + normal.survey.total
    balance = f"training_balance = {normal.training_balance:_}"
    assert balance in NORMAL
    file.write_text(NORMAL.replace(balance, f"training_balance = {cash + 1}"))
    assert load_schemes(tmp_path)["normal-2023"].training_balance == cash + 1
    file.write_text(NORMAL.replace(balance, f"training_balance = {cash}"))
    with pytest.raises(ValueError, match="must exceed the cash"):
        load_schemes(tmp_path)


def test_sessions_of_a_hybrid_training_need_proof_by_their_own_mode() -> None:
    modes = load_schemes()["normal-2023"].modes
    assert [modes["hybrid"].proof_of(mode) for mode in ("online", "offline")] == ["face", "venue_qr"]
    assert modes["offline"].proof_of("online") == "venue_qr"
    assert modes["self_paced"].proof_of("self_paced") == "face"

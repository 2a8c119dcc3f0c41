"""Paths of the repository."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
VAR = ROOT / "var"
CACHE = VAR / "cache"

"""Imports go the way that the architecture says."""

import subprocess
import sys
from pathlib import Path

from deploy.local.paths import ROOT


def test_imports_go_one_way() -> None:
    command = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout

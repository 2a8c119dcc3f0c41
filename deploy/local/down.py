"""`make down`: stop the processes that `make up` started; with `--clean`, delete their data, keys and logs too."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from deploy.local.paths import VAR
from deploy.local.process_registry import end, forget, still_running

KEPT_FOLDERS = ("kafka", "keys", "ledgers", "log", "postgres", "run")
KEPT_FILES = ("clock-offset", "salur.env")


def down(folder: Path) -> None:
    """Stop the saved processes one after another, consumers first."""
    for process in still_running(folder / "run"):
        went = end(process)
        print(f"  {process.name} stopped" if went else f"  {process.name} had to be killed", flush=True)
    forget(folder / "run")


def clean(folder: Path) -> None:
    """Delete the installation's files in `folder`; leave the files of demos and benchmarks."""
    for name in KEPT_FOLDERS:
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in KEPT_FILES:
        (folder / name).unlink(missing_ok=True)


if __name__ == "__main__":
    down(VAR)
    if "--clean" in sys.argv[1:]:
        clean(VAR)

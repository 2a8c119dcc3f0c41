"""`make down`: end exactly what `make up` started. `--clean`: and throw away its data, keys and logs."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from deploy.local.paths import CACHE, VAR
from deploy.local.running import forget, still_running


def down(folder: Path) -> None:
    """Stop the noted processes one after another, readers first."""
    for process in still_running(folder / "run"):
        went = process.stop()
        print(f"  {process.name} stopped" if went else f"  {process.name} had to be killed", flush=True)
    forget(folder / "run")


def clean(folder: Path) -> None:
    """Throw away everything in `folder` but what was only downloaded."""
    for path in folder.iterdir() if folder.exists() else ():
        if path == CACHE:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


if __name__ == "__main__":
    down(VAR)
    if "--clean" in sys.argv[1:]:
        clean(VAR)

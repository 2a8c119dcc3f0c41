"""Closing lines of `make up`: addresses, and commands to try."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from deploy.local.installation import Installation

EXAMPLE_PARTICIPANT = "4810000000000017"
"""The participant whose admission docs/contracts/README.md sends."""


def next_steps(installation: Installation, environment_file: Path) -> Iterator[str]:
    """Yield one line for each service, then one for each command worth trying first."""
    for name, service in installation.services.items():
        yield f"  {name:<11} {service.url}"
    participant = f"{installation.services['payment'].url}/participants/{EXAMPLE_PARTICIPANT}"
    yield ""
    yield "Try next:"
    yield f"  source {os.path.relpath(environment_file)}"
    yield "  .venv/bin/python -m services.enrollment lanes  # does every lane go on?"
    yield "  .venv/bin/python -m services.payment funds     # money appropriated, spent and free"
    yield "  .venv/bin/python -m services.payment verify    # does every invariant hold?"
    yield f"  curl {participant}  # what payment knows of one participant"
    yield "  docs/contracts/README.md  # how to send that participant's admission"
    yield "  make demo                 # a whole cohort with faults, in an installation of its own"
    yield "  make down                 # stop this installation; its data stays"

"""Logs are one JSON object a line, and quote no row."""

import json
import subprocess
import sys

from deploy.local.paths import ROOT

PROGRAM = """
import logging, structlog
from shared.runtime import logs
logs.configure("toy", "toy-1")
log = structlog.get_logger()
for _ in range(5):
    log.warning("outage", part="batch", error="refused")
    logging.getLogger("aiokafka").error("Unable connect to node with id %s", 1)
log.info("start")
logging.getLogger("aiokafka").info("chatter")
number = "12345" + "67890"  # apart, since a traceback may show these lines
try:
    raise ValueError(f"duplicate key\\nDETAIL:  Key (account)=({number}) already exists.")
except ValueError:
    log.exception("lane_stopped", lane=3)
"""


def test_each_line_is_json_outages_are_logged_once_and_rows_left_out() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True
    )  # a process of its own, since logging belongs to the process
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["event"] for line in lines] == ["outage", "Unable connect to node with id 1", "start", "lane_stopped"]
    assert {line["service"] for line in lines} == {"toy"}
    assert "ValueError: duplicate key" in lines[-1]["exception"]
    assert "1234567890" not in done.stdout

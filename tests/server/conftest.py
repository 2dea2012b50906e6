"""What the tests of several handlers need."""

import json
import logging

import pytest
import structlog

from desktop.waiting import wait_for
from tray_proxy import logs


@pytest.fixture
def log_lines(tmp_path):
    """Write the real log into a folder, and read it back."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers = []
    logs.set_up(tmp_path, "INFO", echo=False)

    def lines(path, count=1):
        """Give the lines of requests to a path, once there are so many: one is written after its answer was sent."""

        def found():
            written = [json.loads(line) for line in (tmp_path / logs.FILE_NAME).read_text().splitlines()]
            fitting = [line for line in written if line.get("path", "").startswith(path)]
            return fitting if len(fitting) >= count else None

        return wait_for(found, f"{count} lines of {path}", 5)

    yield lines
    for handler in root.handlers:
        handler.close()
    root.handlers = before
    root.setLevel(level)
    structlog.reset_defaults()

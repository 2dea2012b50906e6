"""What the tests of several handlers need."""

import json
import logging
from dataclasses import replace

import pytest
import structlog

from desktop.waiting import wait_for, wait_for_requests
from stand_in_ollama import StandInOllama
from tray_proxy import logs
from tray_proxy.demo.upstream import DemoUpstream
from tray_proxy.neighbour.models import beside
from tray_proxy.server.loaded import Loaded


@pytest.fixture
def log_lines(loop, tmp_path):
    """Write the real log into a folder, and read it back."""
    # What tests before have asked of the same proxy is none of it.
    wait_for_requests(loop)
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

        return wait_for(found, f"{count} lines of {path}")

    yield lines
    for handler in root.handlers:
        handler.close()
    root.handlers = before
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def the_one_ollama(loop):
    stand_in = StandInOllama(loop).start()
    yield stand_in
    stand_in.stop()


@pytest.fixture
def ollama(the_one_ollama):
    return the_one_ollama.start()


@pytest.fixture(scope="session")
def the_one_beside_ollama(shared_proxies, stage, tmp_path_factory, the_one_ollama):
    stage.app = DemoUpstream(chunk_delay_s=0).app
    return shared_proxies.start(tmp_path_factory.mktemp("home"), local_ollama=the_one_ollama.url)


@pytest.fixture
def both(the_one_beside_ollama, upstream, ollama):
    """A proxy beside the stand-in, which remembers nothing of the tests before."""
    program = the_one_beside_ollama.program
    program.deps.local.names.forget_all()
    local = beside(ollama.url, the_one_beside_ollama.home / "cache")
    program.deps = replace(program.deps, local=local, loaded=Loaded())
    return the_one_beside_ollama

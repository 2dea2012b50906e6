"""A real Ollama's stand-in for the tests of what speaks to it."""

import pytest

from stand_in_ollama import StandInOllama


@pytest.fixture
def ollama(loop):
    stand_in = StandInOllama(loop).start()
    yield stand_in
    stand_in.stop()

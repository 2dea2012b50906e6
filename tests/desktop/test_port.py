"""A port that a real Ollama holds, on a real desktop: the tray names it, and takes the port once Ollama has moved."""

import httpx
import pytest

from desktop.test_tray import App, answers
from desktop.waiting import wait_for
from stand_in_ollama import NAMES, VERSION, StandInOllama
from tray_proxy.listener import free_port_near


@pytest.fixture
def ollama(loop):
    stand_in = StandInOllama(loop).start()
    yield stand_in
    stand_in.stop()


def test_both_are_used_once_ollama_has_moved_and_nobody_clicks(desktop, ollama, tmp_path):
    """Ollama is back at its old place after a restart of the computer, say; then its owner moves it again."""
    port, moved = ollama.port, free_port_near(ollama.port)
    app = App(desktop, tmp_path / "home", port, "--demo", "--local-ollama", f"http://127.0.0.1:{moved}")
    try:
        first = wait_for(lambda: next((label for label in app.menu.labels() if VERSION in label), None), "its name")
        ollama.stop()
        ollama.port = moved
        ollama.start()
        wait_for(app.answers, "the port to be ours")
        models = app.models()
        local = httpx.post(
            f"{app.url}/api/generate", json={"model": NAMES[0], "prompt": "hi", "stream": False}, trust_env=False
        ).json()
    finally:
        app.process.terminate()
        app.process.wait(15)

    assert first.startswith(f"Demo · ▲ Port {port} is used by Ollama {VERSION}")
    assert {*NAMES, "openai/gpt-4o-mini"} <= models
    assert local["response"] == "local words"
    assert not answers(port)

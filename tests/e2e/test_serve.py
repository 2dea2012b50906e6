"""The program as it is started: `tray-proxy serve`."""

import json
import os
import signal
import socket
import subprocess
import sys

import httpx
import pytest


def get(port, path):
    return httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False, timeout=30)


def test_the_demo_answers_and_says_that_it_is_one(serve, free_port):
    _, said = serve("--demo", port=free_port)

    body = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}], "stream": False}
    answer = httpx.post(f"http://127.0.0.1:{free_port}/api/chat", json=body, trust_env=False, timeout=30)

    assert said == (
        "Tray Proxy serves the demo's made-up models (nothing is charged) "
        f"at http://127.0.0.1:{free_port}. Ctrl-C ends it.\n"
    )
    assert answer.json()["message"]["content"].startswith("[demo]")
    assert get(free_port, "/health").json()["demo"] is True


def test_the_demos_names_are_its_own_and_outlive_it(serve, free_port, tmp_path):
    real = tmp_path / "home" / "settings.json"
    real.parent.mkdir(parents=True)
    real.write_text('{"presets": {"real": {"model": "openai/gpt-4o"}}}')
    process, _ = serve("--demo", port=free_port)
    body = {"source": "openai/gpt-4o-mini", "destination": "mine"}
    httpx.post(f"http://127.0.0.1:{free_port}/api/copy", json=body, trust_env=False, timeout=30)
    process.terminate()
    process.wait(15)

    serve("--demo", port=free_port)

    names = {model["name"] for model in get(free_port, "/api/tags").json()["models"]}
    assert {"mine:latest", "real:latest"} & names == {"mine:latest"}
    assert json.loads(real.read_text()) == {"presets": {"real": {"model": "openai/gpt-4o"}}}


def test_whom_a_tray_once_let_in_a_server_does_not_know(serve, free_port, tmp_path):
    """Nobody sits there who could be asked: OLLAMA_ORIGINS alone decides."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "settings.json").write_text('{"web_permissions": {"https://once.example": "always"}}')
    # Where nobody listens: no test asks OpenRouter itself.
    serve("--ollama-origins", "https://chat.example", "--openrouter-base-url", "http://127.0.0.1:9", port=free_port)

    statuses = [
        httpx.get(f"http://127.0.0.1:{free_port}/", headers={"origin": origin}, trust_env=False).status_code
        for origin in ("https://once.example", "https://other.example", "https://chat.example")
    ]

    assert statuses == [403, 403, 200]
    assert "other.example" not in (home / "settings.json").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_when_it_is_told_to(serve, free_port, number):
    process, _ = serve("--demo", port=free_port)

    process.send_signal(number)

    assert process.wait(15) == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", free_port))


def test_it_ends_while_an_answer_streams(serve, free_port):
    process, _ = serve("--demo", port=free_port)
    body = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "#fault:endless"}]}

    with httpx.stream("POST", f"http://127.0.0.1:{free_port}/api/chat", json=body, trust_env=False) as answer:
        lines = answer.iter_lines()
        next(lines)
        process.send_signal(signal.SIGTERM)
        *_, last = lines

    assert json.loads(last)["error"].startswith("Tray Proxy was turned off")
    assert process.wait(15) == 0


def test_a_taken_port_is_one_sentence_and_status_1(launch, free_port, tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", free_port))
        other.listen()

        process, said = launch(port=free_port)

        assert (said, process.wait(15)) == ("", 1)
    told = (tmp_path / "stderr").read_text().splitlines()[-1]
    assert told.startswith(f"tray-proxy: Port {free_port} is used by ")
    assert "Traceback" not in (tmp_path / "stderr").read_text()


def test_it_serves_where_nothing_can_be_written_and_says_each_thing_once(serve, free_port, tmp_path):
    """A container's root can often only be read; this folder cannot be made by root either."""
    process, _ = serve("--demo", port=free_port, env={"TRAY_PROXY_HOME": "/proc/tray-proxy"})
    answers = [get(free_port, path).status_code for path in ("/api/tags", "/health")]
    process.terminate()

    said, errors = process.stdout.read(), (tmp_path / "stderr").read_text()

    assert (answers, process.wait(15), errors) == ([200, 200], 0, "")
    warned = [each["event"] for each in map(json.loads, said.splitlines()) if each["level"] == "warning"]
    assert sorted(set(warned)) == sorted(warned)


def test_without_a_display_the_tray_says_so(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}

    run = subprocess.run(
        [sys.executable, "-m", "tray_proxy", "--demo"],
        env=environment | {"TRAY_PROXY_HOME": str(tmp_path), "PYSTRAY_BACKEND": "xorg"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].startswith("tray-proxy: There is no display that could show a tray icon. ")
    assert "Traceback" not in run.stderr

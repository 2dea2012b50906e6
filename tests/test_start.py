"""What is read before the port is open, and what after it: seen from within a server of its own process."""

import json
import os
import subprocess
import sys

import pytest

from tray_proxy.demo.keys import DEMO_KEY

# What a server never needs, unless somebody wants to see the page, has no key in the environment, or asks for it.
NEVER = {
    "PIL", "anyio", "click", "cryptography", "fastapi", "gi", "greenlet", "h11", "html.entities", "httpcore",
    "httpx._main", "jaraco", "keyring", "multipart", "multiprocessing", "prometheus_client", "pydantic", "pygments",
    "pyperclip", "pystray", "python_multipart", "rich", "secretstorage", "starlette", "tray_proxy.demo",
    "tray_proxy.doctor", "tray_proxy.tray.controller", "tray_proxy.tray.icons", "tray_proxy.tray.shell",
    "tray_proxy.web.app", "tray_proxy.web.gate", "typing_extensions", "uvicorn.main", "watchfiles",
}  # fmt: skip
if sys.platform == "linux":
    NEVER.add("psutil")  # the only thing that a start asks it can be read from /proc there
# Runs a server, and beside it, in a thread, its first client.
PROGRAM = """
import http.client, json, os, pathlib, signal, sys, threading, time

port, home = int(sys.argv[1]), pathlib.Path(sys.argv[2])
seen = {}


def asked(method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def client():
    try:
        while True:
            try:
                seen["version"] = asked("GET", "/api/version")[0]
                break
            except ConnectionRefusedError:
                time.sleep(0.001)
        seen["open"] = sorted(sys.modules)
        while not (home / "instance.json").exists():
            time.sleep(0.001)
        seen["ready"] = before = set(sys.modules)
        chat = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}
        for name, path in (("ollama", "/api/chat"), ("openai", "/v1/chat/completions"), ("anthropic", "/v1/messages")):
            seen[name] = asked("POST", path, json.dumps(chat | {"max_tokens": 9}))[0]
            seen[name + " read"] = sorted(set(sys.modules) - before)
        seen["ready"] = sorted(before)
    finally:
        os.kill(os.getpid(), signal.SIGTERM)


import encodings.idna, email.parser  # what this client itself needs


class Afterwards:
    # Notes whether apps are answered when that is looked for which none of them needs.

    def find_spec(self, name, path=None, target=None):
        if name == "psutil":
            try:
                seen.setdefault("answered before psutil", asked("GET", "/api/version")[0])
            except OSError as error:
                seen.setdefault("answered before psutil", repr(error))


sys.meta_path.insert(0, Afterwards())

from tray_proxy import cli

threading.Thread(target=client).start()
status = cli.main(["serve", "--port", str(port), "--tray-proxy-home", str(home)])
print(json.dumps(seen))
sys.exit(status)
"""


@pytest.fixture
def seen(stage, upstream, free_port, tmp_path):
    """What was loaded when the port answered, when all had begun, and by each of the first questions."""
    environment = os.environ | {"OPENROUTER_API_KEY": DEMO_KEY, "OPENROUTER_BASE_URL": stage.url}
    command = [sys.executable, "-c", PROGRAM, str(free_port), str(tmp_path)]
    given = {"env": environment, "cwd": tmp_path, "timeout": 60}
    ended = subprocess.run(command, capture_output=True, text=True, check=False, **given)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


def test_the_port_opens_before_anything_is_read_that_no_question_needs(seen):
    assert (seen["version"], seen.get("answered before psutil", 200)) == (200, 200)
    assert set(seen["open"]) & NEVER == set()
    assert set(seen["ready"]) & NEVER == set()


def test_no_question_waits_for_an_import(seen):
    """Nobody's first one, in whichever dialect."""
    assert [seen[name] for name in ("ollama", "openai", "anthropic")] == [200, 200, 200]
    assert [seen[f"{name} read"] for name in ("ollama", "openai", "anthropic")] == [[], [], []]

"""The key, a prompt and an answer are looked for in everything that a whole run leaves behind or tells anybody."""

import email
import itertools
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from attacks.canary import ACCESS_KEY, ANSWER, KEY, PROMPT, ask, found, questions
from attacks.hostile import ANSWERS, Hostile
from tray_proxy.secret_str import SecretStr

ACCESS = {"Authorization": f"Bearer {ACCESS_KEY}"}
# What the page is told of others; its own texts, and the settings, are read once.
READ = ("state", "activity", "log", "diagnostics", "apps", "models", "port", "sign-in")
READ_ONCE = ("settings", "texts")


class Run:
    """A program that runs, and every byte that it told."""

    def __init__(self, port: int, folder: Path) -> None:
        self.port = port
        self.folder = folder
        self.told: dict[str, bytes] = {}
        self.statuses: dict[str, int] = {}

    def ask(
        self,
        about: str,
        method: str,
        path: str,
        body: object = None,
        headers: dict[str, str] | None = None,
        port: int = 0,
    ) -> bytes:
        """Ask for something, and keep the answer."""
        status, answered = ask(port or self.port, method, path, body, headers)
        name = f"{about}: {method} {path} {'stream' if isinstance(body, dict) and body.get('stream') else ''}"
        self.told[name], self.statuses[name] = answered, status
        return answered

    def ask_all(self, about: str) -> None:
        """Ask on every route that spends money."""
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda each: self.ask(about, "POST", each[0], each[1], ACCESS | each[2]), questions()))

    def files(self) -> dict[str, bytes]:
        """Read all that lies in the folder, which the program was started in, too."""
        return {str(path): path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}


@pytest.fixture
def hostile(raw_upstream: Callable[..., str]) -> Hostile:
    """An upstream that repeats the key, and who it sends us to."""
    upstream = Hostile()
    upstream.url, upstream.elsewhere = raw_upstream(upstream.talk), raw_upstream(upstream.stranger.talk)
    return upstream


def checked(keys: dict[str, str], folder: Path) -> bytes:
    """Have everything checked at a terminal; give what was told there."""
    done = subprocess.run(
        [sys.executable, "-m", "tray_proxy", "doctor"],
        env=os.environ | {"TRAY_PROXY_HOME": str(folder / "home")} | keys,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    return done.stdout


def in_each_way(upstream: Hostile) -> Iterator[str]:
    """Have an upstream answer in one hostile way after another."""
    for way in ANSWERS:
        upstream.answer = way
        yield way
    upstream.answer = "fine"


def test_the_key_is_in_nothing_that_a_whole_run_leaves_or_tells(
    serve: Any, free_port: int, tmp_path: Path, hostile: Hostile
) -> None:
    """Whatever an upstream makes of it, in every dialect, streamed or not; and nobody is sent elsewhere with it."""
    keys = {"OPENROUTER_API_KEY": KEY, "PROXY_API_KEY": ACCESS_KEY, "OPENROUTER_BASE_URL": hostile.url}
    process, said = serve("--log-level", "DEBUG", port=free_port, env=keys)
    run = Run(free_port, tmp_path)
    # Read while it is written: what nobody reads would hold the program up.
    reading = ThreadPoolExecutor(1).submit(process.stdout.read)
    for way in in_each_way(hostile):
        run.ask_all(way)
    for path in ("", "v1/models/", "api/tags?key=", "api/blobs/", "api/user/keys/"):
        for secret in (KEY, ACCESS_KEY):
            run.ask("a key in a path", "GET", f"/{path}{secret}", None, ACCESS)
            run.ask("a key in a path", "DELETE", f"/{path}{secret}", None, ACCESS)
    for secret in (KEY, f"x/{ACCESS_KEY}"):
        for path, body, headers in questions(model=secret):
            run.ask("a key as a model", "POST", path, body, ACCESS | headers | {"User-Agent": f"{KEY} {ACCESS_KEY}"})
    for path in ("/", "/health", "/metrics", "/api/tags", "/api/ps", "/v1/models"):
        run.ask("what there is to see", "GET", path, None, ACCESS)
    run.ask("another's key", "POST", "/v1/messages", {}, {"X-Api-Key": KEY})
    run.ask("a stranger", "POST", "/api/chat", {}, ACCESS | {"Origin": f"http://{KEY}.example"})
    process_files = [Path(f"/proc/{process.pid}/{name}") for name in ("cmdline", "environ")]
    seen = {str(path): path.read_bytes() for path in process_files if path.exists()}
    if sys.platform == "linux":
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        assert re.search(r"^Max core file size +[01] ", limits, re.MULTILINE), limits
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0

    for way in ("status 401", "a redirect to a host of that name"):
        hostile.answer = way
        run.told[f"{way}: doctor"] = checked(keys, tmp_path)

    left = run.files() | {"standard output": (said + reading.result(20)).encode()}
    assert hostile.keys == {KEY}
    assert {status for name, status in run.statuses.items() if name.startswith("fine") and "embed" not in name} == {200}
    assert found(KEY, run.told | left | seen) == []
    assert found(ACCESS_KEY, run.told | left | seen) == []
    assert hostile.stranger.heard == []
    assert [name for secret in (PROMPT, ANSWER) for name in found(secret, left)] == []


def test_the_key_is_in_nothing_that_the_page_is_told(proxies: Any, tmp_path: Path, hostile: Hostile) -> None:
    """Nor in what is copied for a helper, in what "Check everything" finds, or in what a browser keeps."""
    running = proxies.start(
        tmp_path / "home", openrouter_base_url=hostile.url, openrouter_api_key=SecretStr(KEY), log_level="DEBUG"
    )
    running.loop.submit(running.program.cache.catalogue()).result(10)
    address = urlsplit(running.loop.submit(running.program.page.url("")).result(10))
    run = Run(running.program.settings.port, tmp_path)
    opened = run.ask("the tray's address", "GET", f"{address.path}?{address.query}", port=address.port)
    led = email.message_from_bytes(opened.partition(b"\n")[2])
    page = {"Cookie": led["set-cookie"].partition(";")[0], "X-Tray-Proxy": led["location"].partition("~")[2]}
    run.told.clear()
    for way in in_each_way(hostile):
        for path, body, headers in itertools.islice(questions(), 2):
            run.ask(way, "POST", path, body, headers)
        for path, body in (("key/test", {}), ("key/test", {"key": KEY}), ("models/refresh", {})):
            run.ask(way, "POST", f"/api/{path}", body, page, port=address.port)
        for path in READ:
            run.ask(way, "GET", f"/api/{path}", None, page, port=address.port)
    for path, body in (("key", {"key": KEY}), ("try", {"model": KEY}), ("names/add", {"name": KEY})):
        run.ask("the key where it does not belong", "POST", f"/api/{path}", body, page, port=address.port)
    for path in READ_ONCE:
        run.ask("what there is besides", "GET", f"/api/{path}", None, page, port=address.port)
    read = {name: status for name, status in run.statuses.items() if ": GET /api/" in name}

    assert set(read.values()) == {200}
    assert len(read) == len(READ) * len(ANSWERS) + len(READ_ONCE)
    assert found(KEY, run.told) == []
    assert [name for secret in (PROMPT, ANSWER) for name in found(secret, run.told) if ": GET" in name] == []
    assert hostile.stranger.heard == []

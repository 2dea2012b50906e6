"""One line per request, with nothing in it that is not ours to keep."""

import asyncio
import logging
from urllib.parse import quote

import httpx
import pytest

from tray_proxy import logs, redaction
from tray_proxy.activity import Activity
from tray_proxy.http_protocol import CYCLE
from tray_proxy.listener import Listener, bind
from tray_proxy.server import asgi
from tray_proxy.server.asgi import Record, Reply, send_reply
from tray_proxy.server.journal import MAX_PATH, Journal
from tray_proxy.translate.names import MAX_NAME_LENGTH


def test_each_answer_carries_the_id_of_its_line(proxy, log_lines):
    answer = proxy.chat(text="my secret plan")

    [line] = log_lines("/api/chat")
    assert line["request_id"] == answer.headers["x-request-id"]
    assert line["time"].endswith("Z")
    assert isinstance(line["ms"], float)
    expected = {
        "method": "POST",
        "app": "python-httpx/0.28.1",
        "client": None,
        "model": "openai/gpt-4o-mini",
        "asked": True,
        "status": 200,
        "outcome": "done",
        "prompt_tokens": answer.json()["prompt_eval_count"],
        "completion_tokens": answer.json()["eval_count"],
    }
    assert {key: line[key] for key in expected} == expected


def test_neither_prompt_nor_answer_nor_key_is_in_the_log(proxy, upstream, log_lines, tmp_path):
    upstream.arrange("echo-key")
    proxy.chat(text="canary prompt")
    proxy.chat(text="canary prompt")
    proxy.http.post("/api/chat", content=b'{"model": "canary prompt')

    assert len(log_lines("/api/chat", 3)) == 3
    content = (tmp_path / logs.FILE_NAME).read_text()
    assert "canary" not in content
    assert "sk-or-v1" not in content
    assert "No model was called" not in content


def test_a_forged_line_stays_one_line(proxy, log_lines):
    proxy.http.get("/x%0a{%22event%22:%22forged%22}%e2%80%ae")

    [line] = log_lines("/x")
    assert line["event"] == "request"
    assert line["path"] == '/x\n{"event":"forged"}\u202e'


def test_a_line_holds_nothing_but_what_can_be_printed(proxy, log_lines, tmp_path):
    """Also where all of it is ASCII: one control character JSON leaves as it is."""
    proxy.http.get("/x%7f")

    [told] = log_lines("/x")
    [line] = (tmp_path / logs.FILE_NAME).read_text().splitlines()
    assert told["path"] == "/x\x7f"
    assert line.isprintable()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/api/experimental/web_search", 403),
        ("POST", "/api/chat", 400),
        ("HEAD", f"/api/blobs/sha256:{'0' * 64}", 404),
        ("GET", "/nope", 404),
        ("GET", "/api/push", 405),
    ],
)
def test_what_was_refused_is_not_done_whoever_refused_it(proxy, log_lines, method, path, status):
    proxy.http.request(method, path, content=b"{}")

    [line] = log_lines(path)
    assert (line["status"], line["outcome"]) == (status, "failed")


@pytest.mark.parametrize("path", ["/api/me", "/api/signout"])
def test_who_is_not_signed_in_was_refused(proxies, tmp_path, memory_keyring, log_lines, path):
    proxies.start(tmp_path / "home", openrouter_api_key=None).http.post(path)

    [line] = log_lines(path)
    assert (line["status"], line["outcome"]) == (401, "failed")


def test_a_program_that_is_known_is_named_in_the_line(proxy, log_lines):
    proxy.http.get("/api/tags", headers={"User-Agent": "Zed/0.214.5 (macos; aarch64)"})

    [line] = log_lines("/api/tags")
    listed = len(proxy.http.get("/api/tags").json()["models"])
    assert (line["app"], line["client"], line["models"], line["asked"]) == ("Zed/0.214.5", "zed", listed, False)


def test_a_model_that_is_not_to_be_had_is_named_as_the_app_wrote_it(proxy, log_lines):
    proxy.chat(model="llama99")

    [line] = log_lines("/api/chat")
    assert (line["model"], line["error"], line["asked"]) == ("llama99", "ModelNotFound", False)


def test_of_a_name_as_long_as_a_book_only_the_beginning_is_kept(proxy, log_lines):
    """The list of requests stays in memory, and any app may fill it."""
    proxy.chat(model=f"{'a' * 5000}://b")

    [line] = log_lines("/api/chat")
    newest, *_ = proxy.program.activity.entries
    assert (line["model"], newest.model) == ("a" * 350, "a" * 350)


CANARY = "canary-" + "0123456789abcdef" * 3


@pytest.mark.parametrize(
    "written", [f"x{CANARY}", CANARY.encode().hex(), "".join(f"%{ord(each):02X}" for each in CANARY)]
)
def test_half_a_key_is_not_left_where_a_line_is_cut(proxy, log_lines, monkeypatch, written):
    """Cut off, a key in one of its forms would be none that is known."""
    monkeypatch.setattr(redaction, "_known", [])
    redaction.keep_out(CANARY)

    proxy.http.get("/" + "a" * (MAX_PATH - len(written)) + quote(written, safe=""))
    proxy.chat(model="a" * (MAX_NAME_LENGTH - len(written) + 1) + written + "://b")

    [path], [name] = log_lines("/aaa"), log_lines("/api/chat")
    assert path["path"].endswith("[key removed]")
    assert "[key removed]" in name["model"]
    assert not any(written[:-1] in f"{entry.path} {entry.model}" for entry in proxy.program.activity.entries)


async def hello(_scope, _receive, send):
    await send_reply(send, Reply(200, b"hello"))


def test_when_an_answer_was_whole_is_noted_once():
    """What is done for it afterwards is none of its duration."""
    record = Record("id")

    asyncio.run(asgi.give_way({"record": record}))
    first = record.answered_ns
    asyncio.run(asgi.give_way({"record": record}))

    assert record.answered_ns == first is not None


def test_what_takes_much_memory_lets_go_of_it_at_once(monkeypatch):
    """Where one large request follows another, two of them would be in memory."""
    monkeypatch.setattr(asgi, "GIVE_WAY_S", 3600)
    record = Record("id")
    parts = [{"body": b"[", "more_body": True}, {"body": b"]", "more_body": False}]
    scope = {"record": record, "headers": [], "path": "/api/chat", CYCLE: None}

    async def receive():
        return {"type": "http.request", **parts.pop(0)}

    async def read_and_give_way():
        body = await asgi.read_body(scope, receive)
        async with asyncio.timeout(10):
            await asgi.give_way(scope)
        return bytes(body), record.is_large

    assert asyncio.run(read_and_give_way()) == (b"[]", True)


@pytest.mark.parametrize("give_way_s", [asgi.GIVE_WAY_S, 3600], ids=["in time", "cut short"])
def test_what_was_just_answered_is_accounted_for_though_the_server_stops(
    loop, log_lines, monkeypatch, caplog, give_way_s
):
    """It is done a moment later, so that the client's next request does not wait for it."""
    caplog.set_level(logging.INFO, "uvicorn")
    monkeypatch.setattr(asgi, "GIVE_WAY_S", give_way_s)
    activity, ended = Activity(), []
    listener = Listener(Journal(hello, activity, lambda *facts: ended.append(facts)), bind("127.0.0.1", 0))
    url = loop.submit(listener.start()).result(15)

    answer = httpx.post(f"{url}/api/chat", content=b"{}", trust_env=False)
    loop.submit(listener.stop()).result(15)

    [(record, status, elapsed_s)], [entry], [line] = ended, activity.entries, log_lines("/api/chat")
    request_id = answer.headers["x-request-id"]
    assert [record.request_id, entry.request_id, line["request_id"]] == [request_id] * 3
    assert [status, entry.status, line["status"]] == [200] * 3
    assert entry.ms == line["ms"] == round(elapsed_s * 1e3, 1) < 1000
    assert activity.running == 0
    assert not [each for each in caplog.messages if "Exception" in each]

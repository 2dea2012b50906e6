"""What the page Activity is told, of requests to a running proxy."""

import httpx
import pytest

from desktop.waiting import wait_for
from tray_proxy import logs
from tray_proxy.web import activity_api
from tray_proxy.web.activity_api import ActivityDesk
from web.opening import page_headers


@pytest.fixture
def running(proxies, tmp_path):
    return proxies.start(tmp_path / "home")


@pytest.fixture
def page(running):
    """A client that came in at the page's front door, as a browser does."""
    url = running.loop.submit(running.program.page.url("activity")).result(15)
    with httpx.Client(trust_env=False) as visitor:
        visitor.headers.update(page_headers(visitor.get(url)))
        visitor.base_url = httpx.URL(url).join("/")
        yield visitor


def ended(running):
    """Return once what was asked is noted: an answer arrives a moment before that."""
    wait_for(lambda: running.program.activity.running == 0, "the end of all requests")


def test_a_question_is_in_the_list_with_its_tokens_and_its_cost(running, page):
    answer = running.chat(text="canary prompt")
    ended(running)

    state = page.get("/api/activity").json()

    [entry] = state["entries"]
    assert entry.pop("time_s") > 1_600_000_000
    assert entry.pop("ms") > 0
    cost_usd = entry.pop("cost_usd")
    told = answer.json()
    assert entry == {
        "request_id": answer.headers["x-request-id"],
        "app": "python-httpx/0.28.1",
        "app_id": None,
        "method": "POST",
        "path": "/api/chat",
        "model": "openai/gpt-4o-mini",
        "status": 200,
        "outcome": "done",
        "prompt_tokens": told["prompt_eval_count"],
        "completion_tokens": told["eval_count"],
        "error": None,
    }
    assert state["running"] == 0
    assert state["today"] == {
        "requests": 1,
        "cost_usd": cost_usd,
        "prompt_tokens": told["prompt_eval_count"],
        "completion_tokens": told["eval_count"],
    }


def test_what_was_asked_and_answered_is_not_in_it(running, page):
    answer = running.chat(text="canary prompt")
    ended(running)

    told = page.get("/api/activity").text

    assert "canary" not in told
    assert answer.json()["message"]["content"] not in told


def test_an_answer_that_is_under_way_is_in_it(running, page, upstream):
    upstream.arrange("endless")
    body = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]}
    with running.http.stream("POST", "/api/chat", json=body) as answer:
        lines = answer.iter_lines()
        next(lines)

        state = page.get("/api/activity").json()

    told = [(entry["outcome"], entry["status"], entry["model"]) for entry in state["entries"]]
    assert told == [("running", None, "openai/gpt-4o-mini")]
    assert state["running"] == 1


def test_a_client_that_leaves_is_told_as_cancelled_and_the_page_is_told_to_look(running, page, upstream):
    told = []
    running.program.events.tell = lambda *topics: told.extend(topics)
    upstream.arrange("endless")
    body = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]}
    with running.http.stream("POST", "/api/chat", json=body) as answer:
        next(answer.iter_lines())

    ended(running)
    assert [entry["outcome"] for entry in page.get("/api/activity").json()["entries"]] == ["cancelled"]
    assert told[:2] == ["activity", "apps"]


def desk(tmp_path, show=lambda _: None):
    return ActivityDesk(None, None, None, None, tmp_path / "logs" / logs.FILE_NAME, show)


def test_the_end_of_the_log_is_given(tmp_path):
    (tmp_path / "logs").mkdir()
    file = tmp_path / "logs" / logs.FILE_NAME
    file.write_text("".join(f'{{"line": {number}}}\n' for number in range(300)))

    told = desk(tmp_path).log()

    assert told.file == str(file)
    assert (len(told.lines), told.lines[0], told.lines[-1]) == (200, '{"line": 100}', '{"line": 299}')


def test_a_key_in_an_old_log_does_not_reach_the_page(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / logs.FILE_NAME).write_text("sk-or-v1-0123456789abcdef0123456789abcdef\n" + "x" * 5000)

    lines = desk(tmp_path).log().lines

    assert lines == ["[key removed]", "x" * activity_api.LINE_LENGTH]


def test_without_a_log_there_are_no_lines(tmp_path):
    assert desk(tmp_path).log().lines == []


def test_the_folder_of_the_logs_is_opened(tmp_path):
    shown = []

    desk(tmp_path, shown.append).open_logs()

    assert shown == [tmp_path / "logs"]
    assert shown[0].is_dir()


def test_where_nothing_can_open_it_the_page_says_where_it_is(running, page, monkeypatch):
    monkeypatch.setenv("PATH", "")

    answer = page.post("/api/logs/open", json={})

    folder = running.home / "logs"
    assert answer.status_code == 500
    assert answer.json()["error"] == f"No file manager could be started. The folder is {folder}."


@pytest.mark.parametrize("path", ["/api/apps", "/api/activity", "/api/log", "/api/diagnostics"])
def test_it_is_told_to_the_page_alone(running, page, path):
    stranger = httpx.get(page.base_url.join(path), trust_env=False)

    assert page.get(path).status_code == 200
    assert stranger.status_code == 403

"""The owner's limits on a real port: what is over them never reaches OpenRouter, whichever way it came."""

import itertools
import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from desktop.waiting import wait_for
from server.leaving import connect, dropped
from tray_proxy.demo import dialect
from tray_proxy.demo.faults import FAULTS, Fault
from tray_proxy.demo.steps import End, Write, json_steps
from tray_proxy.ledger import FILE_NAME
from tray_proxy.openrouter import retries, transport

MODEL, FREE, VECTORS = "openai/gpt-4o-mini", "deepseek/deepseek-r1:free", "openai/text-embedding-3-small"
MESSAGES = [{"role": "user", "content": "hello"}]
FREE_WITH_TOOLS = "meta-llama/llama-3.3-70b-instruct:free"
HEARER = "google/gemini-2.5-flash"
# Far below what any answer costs, and above nothing.
NEXT_TO_NOTHING = 1e-9

# Every way that buys: its path, and what is asked there.
WAYS = {
    "/api/chat": {"model": MODEL, "messages": MESSAGES},
    "/api/generate": {"model": MODEL, "prompt": "hello"},
    "/api/embed": {"model": VECTORS, "input": ["one", "two"]},
    "/api/embeddings": {"model": VECTORS, "prompt": "one"},
    "/v1/chat/completions": {"model": MODEL, "messages": MESSAGES},
    "/v1/completions": {"model": MODEL, "prompt": "hello"},
    "/v1/embeddings": {"model": VECTORS, "input": "one"},
    "/v1/responses": {"model": MODEL, "input": "hello"},
    "/v1/messages": {"model": MODEL, "messages": MESSAGES, "max_tokens": 100},
}
AUDIO = "/v1/audio/transcriptions"


def ask(proxy, way, **more):
    if way == AUDIO:
        file = ("talk.wav", b"RIFF\x24\0\0\0WAVEfmt ")
        return proxy.http.post(way, data={"model": HEARER}, files={"file": file})
    return proxy.http.post(way, json=WAYS[way] | more)


def bought(upstream):
    return [one for one in upstream.received if one.method == "POST"]


def spent(proxy):
    return proxy.program.deps.budget.today.spent_usd


def change(proxy, **settings):
    """Put settings in force, as the page does when they are saved."""
    proxy.loop.submit(proxy.program.apply(proxy.program.settings.but(**settings))).result(15)


@pytest.mark.parametrize("way", [*WAYS, AUDIO])
def test_a_loop_is_stopped_after_the_limit_and_asks_nothing_more(proxies, upstream, tmp_path, way):
    proxy = proxies.start(tmp_path, daily_limit_usd=NEXT_TO_NOTHING)

    statuses = [ask(proxy, way).status_code for _ in range(10)]

    assert statuses == [200] + [402] * 9
    assert len(bought(upstream)) == 1


@pytest.mark.parametrize("way", ["/api/chat", "/api/generate", "/v1/chat/completions", "/v1/messages", "/v1/responses"])
def test_a_stream_is_refused_with_a_status_before_it_begins(proxies, upstream, tmp_path, way):
    proxy = proxies.start(tmp_path, daily_limit_usd=NEXT_TO_NOTHING)

    statuses = [ask(proxy, way, stream=True).status_code for _ in range(3)]

    assert statuses == [200, 402, 402]
    assert len(bought(upstream)) == 1


def test_the_limit_is_told_in_each_dialects_own_shape(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path, daily_limit_usd=NEXT_TO_NOTHING)
    ask(proxy, "/api/chat")

    ollama, openai, anthropic = (ask(proxy, way) for way in ("/api/chat", "/v1/chat/completions", "/v1/messages"))

    words = ollama.json()["error"]
    assert re.fullmatch(
        r"Tray Proxy's limit of \$0\.000000001 a day is reached \(\$0\.0000\d+ spent\): apps may spend again from "
        r"\d\d:\d\d \(midnight UTC\) on\. To go on now, raise it in Tray Proxy's Settings \(DAILY_LIMIT_USD\), or use "
        r"a free model\.",
        words,
    )
    assert ollama.json() == {"error": words}
    assert openai.json()["error"]["message"] == words
    assert anthropic.json()["error"] == {"type": "billing_error", "message": words}
    assert anthropic.json()["type"] == "error"
    assert {answer.status_code for answer in (ollama, openai, anthropic)} == {402}
    assert "retry-after" not in ollama.headers


def test_many_at_once_exceed_the_limit_by_no_more_than_their_own_answers(proxies, upstream, tmp_path):
    """Twenty at the same moment: while they are under way their prompts count, and after them nothing is asked."""
    proxy = proxies.start(tmp_path, daily_limit_usd=0.004)
    text = "x" * 40_000  # 10,000 tokens by estimate: 0.0015 dollars

    with ThreadPoolExecutor(20) as crowd:
        statuses = list(crowd.map(lambda _: proxy.chat(text).status_code, range(20)))
    while proxy.chat(text).status_code == 200:
        pass

    asked = len(bought(upstream))
    per_call_usd = spent(proxy) / asked
    assert set(statuses) == {200, 429}
    # Three of them fit by their prompts, and each may be dearer than that by its own cost.
    assert spent(proxy) <= 0.004 + 3 * per_call_usd
    assert [proxy.chat(text).status_code for _ in range(3)] == [402, 402, 402]
    assert len(bought(upstream)) == asked


def test_a_free_model_answers_though_the_limit_is_reached(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path, daily_limit_usd=NEXT_TO_NOTHING)
    ask(proxy, "/api/chat")

    assert [proxy.chat().status_code, proxy.chat(model=FREE).status_code] == [402, 200]


@pytest.mark.parametrize("way", ["/api/chat", "/v1/chat/completions"])
@pytest.mark.parametrize("kind", ["openrouter:advisor", "web_search"])
def test_a_free_model_cannot_spend_by_what_openrouter_does_for_it(proxies, upstream, tmp_path, way, kind):
    """A server tool is charged for beside the model, and may ask any other."""
    proxy = proxies.start(tmp_path, daily_limit_usd=NEXT_TO_NOTHING)

    answer = ask(proxy, way, model=FREE_WITH_TOOLS, tools=[{"type": kind, "parameters": {"model": MODEL}}])

    told = answer.json()["error"]
    assert answer.status_code == 400
    assert (told if way == "/api/chat" else told["message"]).startswith(f"tools: {kind} cannot be called here")
    assert bought(upstream) == []


def test_lists_and_loading_a_model_cost_nothing_and_go_on(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path, daily_limit_usd=NEXT_TO_NOTHING)
    ask(proxy, "/api/chat")

    assert proxy.http.get("/api/tags").status_code == 200
    assert proxy.http.get("/health").status_code == 200
    assert proxy.http.post("/api/chat", json={"model": MODEL, "messages": []}).status_code == 200
    counted = proxy.http.post("/v1/messages/count_tokens", json={"model": MODEL, "messages": MESSAGES})
    assert counted.status_code == 200


def test_the_owner_raises_the_limit_and_the_next_request_passes(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path)
    change(proxy, daily_limit_usd=NEXT_TO_NOTHING)
    ask(proxy, "/api/chat")
    assert ask(proxy, "/api/chat").status_code == 402

    change(proxy, daily_limit_usd=1)

    assert ask(proxy, "/api/chat").status_code == 200


def test_a_restart_keeps_the_limit_reached(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path, daily_limit_usd=NEXT_TO_NOTHING)
    ask(proxy, "/api/chat")
    proxy.loop.submit(proxy.program.end()).result(15)

    again = proxies.start(tmp_path, daily_limit_usd=NEXT_TO_NOTHING)

    assert ask(again, "/api/chat").status_code == 402
    assert len(bought(upstream)) == 1


def test_what_is_spent_is_on_the_disk_while_it_runs(proxies, upstream, tmp_path):
    """Who kills it frees nothing."""
    proxy = proxies.start(tmp_path, daily_limit_usd=1)
    ask(proxy, "/api/chat")

    kept = wait_for(lambda: (tmp_path / FILE_NAME).exists() and (tmp_path / FILE_NAME).read_bytes(), "the file")

    assert json.loads(kept)["today"]["spent_usd"] == spent(proxy) > 0


def test_a_damaged_file_is_told_on_the_page_and_the_log_stands_in_for_it(proxies, upstream, tmp_path, log_lines):
    proxy = proxies.start(tmp_path, daily_limit_usd=1)
    ask(proxy, "/api/chat")
    cost_usd = log_lines("/api/chat")[0]["cost_usd"]
    proxy.loop.submit(proxy.program.end()).result(15)
    (tmp_path / FILE_NAME).write_text("{")
    (tmp_path / "logs").mkdir(exist_ok=True)
    (tmp_path / "tray-proxy.log").rename(tmp_path / "logs" / "tray-proxy.log")

    again = proxies.start(tmp_path, daily_limit_usd=NEXT_TO_NOTHING)

    assert ask(again, "/api/chat").status_code == 402
    assert spent(again) == pytest.approx(cost_usd)
    (notice,) = again.program.notices.shown
    assert notice.text.startswith("What was spent today could not be read, and was added up from the log: $0.0000")


def test_an_apps_own_limit_stops_that_app_by_its_name(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path, app_limits_usd=f"vscode-copilot={NEXT_TO_NOTHING}")
    copilot, zed = {"user-agent": "GitHubCopilotChat/0.30"}, {"user-agent": "Zed/0.214.5 (macos; aarch64)"}

    answers = [
        proxy.http.post("/api/chat", json=WAYS["/api/chat"] | {"stream": False}, headers=who)
        for who in (copilot, copilot, zed, copilot)
    ]

    assert [answer.status_code for answer in answers] == [200, 402, 200, 402]
    assert (
        answers[1].json()["error"].startswith("Tray Proxy's limit of $0.000000001 a day for VS Code Copilot is reached")
    )
    assert len(bought(upstream)) == 2


def test_a_request_that_could_be_too_dear_is_refused_with_what_it_could_cost(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path, request_limit_usd=0.001)

    small = ask(proxy, "/v1/chat/completions", max_tokens=1000)
    dear = ask(proxy, "/v1/chat/completions", max_tokens=2000)
    several = ask(proxy, "/v1/chat/completions", max_tokens=1000, n=2)

    assert [answer.status_code for answer in (small, dear, several)] == [200, 402, 402]
    assert dear.json()["error"]["message"].startswith(
        "This request could cost $0.0012, and Tray Proxy's limit for one is $0.001: shorten it"
    )
    assert len(bought(upstream)) == 1


def test_a_picture_is_not_taken_for_its_base64(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path, request_limit_usd=0.001)
    png = "iVBORw0KGgo" + "A" * 1_000_001

    answer = ask(proxy, "/api/chat", messages=[{"role": "user", "content": "what?", "images": [png]}], stream=False)

    assert answer.status_code == 200


def test_the_brake_answers_429_and_says_when_to_come_back(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path, paid_requests_per_minute=2)

    answers = [ask(proxy, way) for way in ("/api/chat", "/v1/embeddings", "/api/chat", "/v1/messages")]
    free = proxy.chat(model=FREE)

    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
    assert answers[2].json()["error"].startswith("More than 2 requests that cost money came within a minute")
    assert answers[3].json()["error"]["type"] == "rate_limit_error"
    assert 1 <= int(answers[2].headers["retry-after"]) <= 60
    assert free.status_code == 200
    assert len(bought(upstream)) == 3


def test_many_texts_are_one_request_to_the_brake_and_many_to_the_limit(proxies, upstream, tmp_path):
    """An index of a folder is bought in portions; it may not break off half-way for being asked in several."""
    texts = [f"text {number}" for number in range(200)]
    proxy = proxies.start(tmp_path, paid_requests_per_minute=1)

    assert ask(proxy, "/api/embed", input=texts).status_code == 200
    assert len(bought(upstream)) == 3
    change(proxy, daily_limit_usd=spent(proxy) * 1.2)
    proxy.program.deps.budget._recent.clear()
    assert ask(proxy, "/api/embed", input=texts).status_code == 402
    assert len(bought(upstream)) == 4


def test_all_texts_of_a_request_are_judged_before_the_first_of_them_is_bought(proxies, upstream, tmp_path):
    """Whoever pays for a part of an index has bought nothing."""
    proxy = proxies.start(tmp_path, request_limit_usd=0.0001)
    texts = ["x" * 400] * 100  # 101 tokens each: 0.0002 dollars together, and less in each portion

    refused, half = ask(proxy, "/api/embed", input=texts), ask(proxy, "/v1/embeddings", input=texts[:40])

    assert (refused.status_code, half.status_code) == (402, 200)
    assert refused.json()["error"].startswith("This request could cost $0.0002, and Tray Proxy's limit for one is")
    assert len(bought(upstream)) == 1


def test_what_a_client_did_not_wait_for_counts(proxies, upstream, tmp_path):
    """OpenRouter bills what it has begun, and tells nobody who has left."""
    proxy = proxies.start(tmp_path, daily_limit_usd=0.0001)
    upstream.arrange("endless")
    client = connect(proxy, "/api/chat", {"model": MODEL, "messages": [{"role": "user", "content": "x" * 40_000}]})
    assert b"200 OK" in client.recv(65536)

    client.close()

    assert upstream.wait_for(dropped, 15)
    wait_for(lambda: spent(proxy) >= 0.0015, "the estimate to count")
    assert ask(proxy, "/api/chat").status_code == 402


def test_what_a_client_left_before_a_word_counts_with_its_prompt(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path, daily_limit_usd=1)
    upstream.arrange("silence")
    client = connect(proxy, "/api/chat", {"model": MODEL, "messages": [{"role": "user", "content": "x" * 40_000}]})
    assert upstream.wait_for(lambda seen: bool(seen.chats) and seen.chats[-1].body is not None, 15)

    client.close()

    wait_for(lambda: spent(proxy) >= 0.0015, "the estimate to count")


def test_an_answer_that_breaks_off_counts(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path, daily_limit_usd=1)
    upstream.arrange("cut")

    proxy.chat("x" * 40_000)

    assert spent(proxy) > 0.0015


@pytest.mark.parametrize("fault", ["status-402", "status-429", "status-500", "status-503"])
def test_what_openrouter_refused_costs_nothing(proxies, upstream, tmp_path, fault):
    proxy = proxies.start(tmp_path, daily_limit_usd=1)
    upstream.arrange(fault)

    assert proxy.chat().status_code >= 400

    assert spent(proxy) == 0
    assert proxy.program.deps.budget._under_way_usd == 0


def test_after_whatever_came_nothing_is_left_under_way(proxies, upstream, tmp_path):
    """What were left would be missing until the next start."""
    proxy = proxies.start(tmp_path, daily_limit_usd=100)
    for fault in ("cut", "status-500", "error-mid-stream", "no-done", "no-bytes", None):
        if fault is not None:
            upstream.arrange(fault)
        for way in WAYS:
            ask(proxy, way)
    proxy.http.post("/api/chat", json={"model": MODEL, "messages": [{"role": "nobody"}]})

    assert wait_for(lambda: proxy.program.deps.budget._under_way_usd == 0, "all bills to be settled")


@pytest.mark.parametrize("way", ["/api/chat", "/api/embed"])
def test_what_never_got_there_costs_nothing(proxies, upstream, tmp_path, monkeypatch, way):
    """An evening with a bad network is no reason to refuse anything."""
    proxy = proxies.start(tmp_path, daily_limit_usd=1)

    async def nobody(*_):
        raise TimeoutError

    monkeypatch.setattr(transport, "dial", nobody)
    proxy.loop.loop.call_soon_threadsafe(proxy.program.deps.client.drop_connections)

    answer = ask(proxy, way)

    assert (answer.status_code, spent(proxy)) == (504, 0)
    assert "could not be reached within" in answer.json()["error"]


def test_a_network_that_wants_its_user_to_sign_in_costs_nothing(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path, daily_limit_usd=1)
    for fault, way in itertools.product(("captive-portal", "redirect", "html-error"), ("/api/chat", "/api/embed")):
        upstream.arrange(replace(FAULTS[fault], on="embeddings" if way == "/api/embed" else "chat"))
        assert ask(proxy, way).status_code >= 400

    assert spent(proxy) == 0


def error_before_a_word(exchange, _seconds):
    """What OpenRouter sends whose provider failed while it said that it was at work."""
    error = {"code": 502, "message": "Provider returned error"}
    yield exchange.start()
    yield Write(dialect.COMMENT)
    yield Write(dialect.event({**exchange.chunks()[0], "choices": [], "error": error}))
    yield End()


@pytest.mark.parametrize("stream", [True, False])
def test_an_error_before_the_first_word_is_a_refusal_and_costs_nothing(proxies, upstream, tmp_path, stream):
    proxy = proxies.start(tmp_path, daily_limit_usd=1)
    upstream.arrange(Fault("before-a-word", error_before_a_word, ""))

    answer = ask(proxy, "/api/chat", stream=stream)

    assert (answer.status_code, spent(proxy)) == (502, 0)


def test_an_error_after_the_first_words_counts(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path, daily_limit_usd=1)
    upstream.arrange("error-mid-stream")

    proxy.chat("x" * 40_000)

    assert spent(proxy) > 0.0015


def test_a_client_that_leaves_while_a_refusal_is_waited_out_has_bought_nothing(
    proxies, upstream, tmp_path, monkeypatch
):
    proxy = proxies.start(tmp_path, daily_limit_usd=1)
    waited = []
    monkeypatch.setattr(retries, "next_delay_s", lambda *_: waited.append(True) or 60.0)
    upstream.arrange("status-429")
    client = connect(proxy, "/api/chat", WAYS["/api/chat"])
    wait_for(lambda: waited, "the refusal")

    client.close()

    wait_for(lambda: proxy.program.deps.in_flight.count == 0, "the end")
    assert (spent(proxy), proxy.program.deps.budget._under_way_usd) == (0, 0)


def test_vectors_that_cannot_be_read_count_with_what_is_told_of_their_price(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path, daily_limit_usd=1)
    for usage in ({"prompt_tokens": 5, "cost": 0.5}, None):
        body = {"data": [{"embedding": "xyz"}], "usage": usage}
        upstream.arrange(Fault("own", lambda _e, _s, body=body: json_steps(body), "", on="embeddings"))
        assert ask(proxy, "/api/embed", input="x" * 40_000).status_code == 502

    assert spent(proxy) == pytest.approx(0.5 + 10_001 * 0.02e-6)


def test_an_error_in_place_of_vectors_costs_nothing(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path, daily_limit_usd=1)
    upstream.arrange(replace(FAULTS["error-in-200"], on="embeddings"))

    assert (ask(proxy, "/api/embed").status_code, spent(proxy)) == (502, 0)


def test_the_figures_stand_in_the_metrics(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path, daily_limit_usd=2.5)
    ask(proxy, "/api/chat")

    told = proxy.http.get("/metrics", headers={"accept": "text/plain"}).text

    assert re.search(r"^tray_proxy_spent_today_usd \d+\.\d+e-0\d$", told, re.MULTILINE)
    assert re.search(r"^tray_proxy_daily_limit_usd 2\.5$", told, re.MULTILINE)


def test_the_demos_money_is_not_the_owners(tmp_path):
    """Each has a file of its own."""
    from tray_proxy.basis import program_folders
    from tray_proxy.settings import load

    settings = load({"tray_proxy_home": tmp_path})

    assert program_folders(settings, demo=True).settings / FILE_NAME != program_folders(settings, demo=False).settings
    assert program_folders(settings, demo=True).settings == tmp_path / "demo"


def test_calls_without_an_answer_yet_take_up_room(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path, daily_limit_usd=0.002)
    upstream.arrange("silence")
    text = "x" * 60_000  # 15,000 tokens by estimate: 0.00225 dollars
    client = connect(proxy, "/api/chat", {"model": MODEL, "messages": [{"role": "user", "content": text}]})
    assert upstream.wait_for(lambda seen: bool(seen.chats), 15)

    refused = proxy.chat()

    client.close()
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
    assert refused.json()["error"].startswith("What is being answered now may use up what is left of Tray Proxy's")
    assert len(bought(upstream)) == 1

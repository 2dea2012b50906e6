"""Local models first: what is asked of one goes to the real Ollama beside us, and never to the cloud."""

import json
from dataclasses import replace

import pytest

from desktop.waiting import wait_for
from server.leaving import connect
from stand_in_ollama import ENDLESS, LOADING, NDJSON, model
from tray_proxy.errors import OllamaAway
from tray_proxy.server.app import ROUTES
from tray_proxy.server.asgi import Record
from tray_proxy.server.endpoint import Call
from tray_proxy.server.merging import LISTS
from tray_proxy.server.neighbour import NAMERS

MESSAGES = [{"role": "user", "content": "hello"}]
# Names of Ollama's library: OpenRouter serves the same open models, and would answer by them.
LOCAL, LOCAL_EMBEDDING = "llama3.3:70b", "bge-m3"
CURE = "Start Ollama and try again: what is asked of a local model is never sent to the cloud."
SOUND = {"file": ("a.wav", b"RIFF", "audio/wav")}

# What asks a local model for something, by route.
ASKING = {
    "/api/show": {"model": LOCAL},
    "/api/chat": {"model": LOCAL, "messages": MESSAGES},
    "/api/generate": {"model": LOCAL, "prompt": "hello"},
    "/api/embed": {"model": LOCAL_EMBEDDING, "input": "hello"},
    "/api/embeddings": {"model": LOCAL_EMBEDDING, "prompt": "hello"},
    "/v1/chat/completions": {"model": LOCAL, "messages": MESSAGES},
    "/v1/completions": {"model": LOCAL, "prompt": "hello"},
    "/v1/embeddings": {"model": LOCAL_EMBEDDING, "input": "hello"},
    "/v1/responses": {"model": LOCAL, "input": "hello"},
    "/v1/messages": {"model": LOCAL, "messages": MESSAGES, "max_tokens": 9},
    "/v1/messages/count_tokens": {"model": LOCAL, "messages": MESSAGES},
}
BUYING = [path for path in ASKING if path not in ("/api/show", "/v1/messages/count_tokens")]
# What changes the list of models, by the request that names the local one.
CHANGING = {
    "/api/pull": {"model": LOCAL},
    "/api/push": {"model": LOCAL},
    "/api/copy": {"source": LOCAL, "destination": "mine"},
    "/api/create": {"model": "mine", "from": LOCAL},
    "/api/delete": {"model": LOCAL},
}
NAMELESS = {
    "/",
    "/health",
    "/metrics",
    "/api/version",
    "/api/blobs/{digest}",
    "/api/status",
    "/api/me",
    "/api/signout",
    "/api/user/keys/{key}",
    "/api/experimental/web_search",
    "/api/experimental/web_fetch",
    "/api/experimental/model-recommendations",
}


def change(both, path):
    return both.http.request("DELETE" if path == "/api/delete" else "POST", path, json=CHANGING[path])


def test_every_route_is_known_to_name_a_model_or_not_to():
    """A route that is forgotten here would send local names to the cloud."""
    assert {path for _, path, _ in ROUTES} == NAMELESS | set(NAMERS) | set(LISTS)


@pytest.mark.parametrize("path", ASKING)
def test_what_is_asked_of_a_local_model_goes_to_ollama_byte_for_byte(both, upstream, ollama, path):
    body = json.dumps(ASKING[path], indent=1).encode()

    both.http.post(path, content=body)

    if path != "/v1/messages/count_tokens":  # which Ollama does not have
        assert [(asked.method, asked.path, asked.body) for asked in ollama.asked] == [("POST", path, body)]
    assert upstream.received == []


@pytest.mark.parametrize("path", BUYING)
def test_without_the_setting_the_cloud_answers_by_these_names(proxy, upstream, path):
    """So that the tests around this one can fail."""
    assert proxy.http.post(path, json=ASKING[path]).status_code == 200
    assert len(upstream.received) == 1


@pytest.mark.parametrize("path", ASKING)
def test_while_ollama_is_away_a_local_name_is_answered_by_nobody(both, upstream, ollama, path):
    both.http.get("/api/tags")
    ollama.stop()

    answer = both.http.post(path, json=ASKING[path])

    assert answer.status_code == 503
    assert f"is a model of the Ollama on this computer. Ollama does not answer at {ollama.url}. {CURE}" in answer.text
    assert upstream.received == []


@pytest.mark.parametrize("path", ["/api/chat", "/v1/messages", "/v1/responses"])
def test_names_are_remembered_over_a_restart(proxies, upstream, ollama, tmp_path, path):
    """The next start may be one without Ollama."""
    first = proxies.start(tmp_path, local_ollama=ollama.url)
    first.http.get("/api/tags")
    ollama.stop()
    second = proxies.start(tmp_path, local_ollama=ollama.url)
    upstream.received.clear()

    answer = second.http.post(path, json=ASKING[path])

    assert answer.status_code == 503
    assert upstream.received == []


@pytest.mark.parametrize("up", [True, False])
@pytest.mark.parametrize("path", CHANGING)
def test_what_changes_a_local_model_is_ollamas_business(both, upstream, ollama, path, up):
    both.http.get("/api/tags")
    if not up:
        ollama.stop()

    answer = change(both, path)

    assert answer.status_code == (200 if up else 503)
    assert [asked.path for asked in ollama.asked] == ([path] if up else [])
    assert both.program.presets.menu() == ()
    assert upstream.received == []


def test_a_recording_for_a_local_model_goes_to_ollama(both, upstream, ollama):
    answer = both.http.post("/v1/audio/transcriptions", data={"model": LOCAL}, files=SOUND)

    assert answer.json() == {"from": "Ollama", "path": "/v1/audio/transcriptions"}
    assert ollama.asked[0].headers["content-type"].startswith("multipart/form-data; boundary=")
    ollama.stop()
    assert both.http.post("/v1/audio/transcriptions", data={"model": LOCAL}, files=SOUND).status_code == 503
    assert upstream.received == []


def test_one_model_of_the_list_is_ollamas_too(both, ollama):
    assert both.http.get(f"/v1/models/{LOCAL}").json()["owned_by"] == "library"
    ollama.stop()
    assert both.http.get(f"/v1/models/{LOCAL}").status_code == 503


@pytest.mark.parametrize(
    "spelling",
    ["bge-m3", "bge-m3:latest", "BGE-M3", " bge-m3 ", "library/bge-m3", "registry.ollama.ai/library/bge-m3:latest",
     "bge-m3:local"],
)  # fmt: skip
def test_every_spelling_of_a_local_name_is_local(both, upstream, ollama, spelling):
    both.http.post("/api/embed", json={"model": spelling, "input": "hello"})

    assert [json.loads(asked.body)["model"] for asked in ollama.asked] == [spelling]
    assert upstream.received == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"MODEL": "mistral", "messages": [{"role": "user", "content": "hello"}]}',
        b'{"model": "openai/gpt-4o-mini", "Model": "mistral", "messages": [{"role": "user", "content": "hello"}]}',
        b'{"model": "mistral", "messages": [{"role": "user", "content": "hello"}]} and more',
    ],
)
def test_a_local_name_is_found_as_ollama_would_find_it(both, upstream, ollama, body):
    both.http.post("/api/chat", content=body, headers={"content-type": "text/plain"})

    assert [asked.body for asked in ollama.asked] == [body]
    assert upstream.received == []


def test_a_model_that_was_pulled_a_moment_ago_is_local(both, upstream, ollama):
    """Nobody has listed it since; OpenRouter would answer by its name."""
    both.http.get("/api/tags")
    ollama.models.append(model("mistral-small3.2:24b"))

    both.http.post("/api/chat", json={"model": "mistral-small3.2:24b", "messages": MESSAGES})

    assert len(ollama.asked) == 1
    assert upstream.received == []


def test_a_local_name_that_is_openrouters_too_is_local(both, upstream, ollama):
    ollama.models.append(model("openai/gpt-4o-mini"))

    both.chat()

    assert len(ollama.asked) == 1
    assert upstream.received == []


def test_a_model_of_ollamas_own_cloud_is_ollamas(both, upstream, ollama):
    ollama.models.append(model("gpt-oss:120b-cloud", remote_model="gpt-oss:120b", remote_host="https://ollama.com:443"))

    both.http.post("/api/chat", json={"model": "gpt-oss:120b-cloud", "messages": MESSAGES})

    assert len(ollama.asked) == 1
    assert upstream.received == []


def test_a_name_of_the_owners_own_does_not_hide_a_local_model(proxies, upstream, ollama, tmp_path):
    both = proxies.start(tmp_path, local_ollama=ollama.url)
    upstream.received.clear()
    both.http.post("/api/copy", json={"source": "openai/gpt-4o-mini", "destination": "mine"})
    ollama.models.append(model("mine:latest"))

    both.http.post("/api/chat", json={"model": "mine", "messages": MESSAGES})

    assert len(ollama.asked) == 1
    assert upstream.received == []


def test_however_a_request_was_read_a_local_name_is_not_looked_for_in_the_cloud(both, loop, upstream):
    """The names in a request are found before it is read whole; a slip there must cost nobody their secrets."""
    both.http.get("/api/tags")
    call = Call(both.program.deps, {"path": "/api/chat"}, None, None, Record("1"))

    with pytest.raises(OllamaAway):
        loop.submit(call.find(LOCAL)).result(15)


def test_openrouters_models_are_asked_as_ever(both, upstream, ollama):
    answer = both.chat()

    assert answer.json()["done"] is True
    assert [received.path for received in upstream.received] == ["/api/v1/chat/completions"]
    assert ollama.asked == []


@pytest.mark.parametrize("path", BUYING)
def test_before_ollama_was_ever_heard_nothing_is_guessed(both, upstream, ollama, path):
    ollama.stop()

    answer = both.http.post(path, json=ASKING[path])

    assert answer.status_code == 503
    assert "It cannot be told just now whether" in answer.text
    assert upstream.received == []


def test_a_whole_name_is_answered_by_openrouter_whatever_ollama_says(both, ollama):
    ollama.stop()

    assert both.chat().status_code == 200


def test_without_the_setting_nobody_is_asked(proxies, upstream, ollama, tmp_path):
    running = proxies.start(tmp_path)

    running.http.get("/api/tags")
    running.chat()

    assert ollama.lists == 0
    assert not (tmp_path / "cache" / "local-models.json").exists()


def test_an_answer_comes_back_byte_for_byte(both, ollama):
    asked = {"model": LOCAL, "messages": MESSAGES}

    through = both.http.post("/api/chat", json=asked)
    direct = both.http.post(f"{ollama.url}/api/chat", json=asked)

    assert through.content == direct.content
    assert through.headers["content-type"] == NDJSON


@pytest.mark.parametrize("name", ["mistral", "mistral:latest"])
def test_status_and_words_of_a_refusal_are_ollamas(both, ollama, name):
    """It was removed behind our back; the name stays local."""
    both.http.get("/api/tags")
    ollama.models.pop()

    answer = both.http.post("/api/chat", json={"model": name, "messages": MESSAGES})

    assert (answer.status_code, answer.json()) == (404, {"error": f"model '{name}' not found"})


def test_no_key_and_no_origin_reach_ollama(both, ollama):
    """An app may send a key of its own, and Ollama may not know the page that we let in."""
    headers = {"authorization": "Bearer secret", "x-api-key": "secret", "origin": "http://localhost:3000"}

    both.http.post("/api/chat", json={"model": LOCAL, "messages": MESSAGES}, headers=headers)

    sent = ("accept", "content-length", "content-type", "user-agent")
    assert set(ollama.asked[0].headers) == {*sent, "accept-encoding", "connection", "host"}
    assert ollama.asked[0].headers["accept-encoding"] == "identity"


def test_an_app_may_write_its_name_in_any_alphabet(both, ollama):
    headers = {"User-Agent": "Übersetzer/1".encode()}

    answer = both.http.post("/api/chat", json={"model": LOCAL, "messages": MESSAGES}, headers=headers)

    assert answer.status_code == 200
    assert ollama.asked[0].headers["user-agent"] == "Übersetzer/1".encode().decode("latin-1")


def test_ollamas_work_ends_when_the_client_leaves(both, loop, ollama):
    asked = {"model": LOCAL, "messages": [{"role": "user", "content": ENDLESS}]}

    with both.http.stream("POST", "/api/chat", json=asked) as answer:
        first = next(answer.iter_lines())

    async def left():
        await ollama.left.wait()

    loop.submit(left()).result(15)
    assert json.loads(first)["message"]["content"] == "local "


def test_ollama_is_left_before_it_has_said_a_word(both, loop, ollama):
    """A large model may load for minutes; nobody waits for it any more."""
    asked = {"model": LOCAL, "messages": [{"role": "user", "content": LOADING}]}
    client = connect(both, "/api/chat", asked)
    wait_for(lambda: ollama.asked, "the question at Ollama")

    client.close()

    async def left():
        await ollama.left.wait()

    loop.submit(left()).result(15)


def test_an_answer_that_breaks_off_ends_with_an_error(both, ollama):
    asked = {"model": LOCAL, "messages": [{"role": "user", "content": ENDLESS}]}

    with both.http.stream("POST", "/api/chat", json=asked) as answer:
        lines = answer.iter_lines()
        next(lines)
        ollama.stop()
        last = json.loads(list(lines)[-1])

    assert last == {"error": f"The connection to Ollama at {ollama.url} broke off. {CURE}"}


def test_what_is_deleted_is_deleted_at_ollama_and_its_name_is_free(both, upstream, ollama):
    both.http.get("/api/tags")

    answer = both.http.request("DELETE", "/api/delete", json={"model": LOCAL})

    assert answer.status_code == 200
    assert [row["name"] for row in ollama.models] == ["bge-m3:latest", "mistral:latest"]
    assert both.http.post("/api/show", json={"model": LOCAL}).json()["remote_model"] == (
        "meta-llama/llama-3.3-70b-instruct"
    )


@pytest.mark.parametrize("path", CHANGING)
def test_where_apps_may_not_manage_they_may_not_change_ollamas_list_either(proxies, ollama, tmp_path, path):
    both = proxies.start(tmp_path, local_ollama=ollama.url, manage_models="deny")

    assert change(both, path).status_code == 403
    assert ollama.asked == []


@pytest.mark.parametrize("name", ["mistral-small3.2:24b", "someone/model", "hf.co/someone/model"])
def test_a_pull_of_a_name_that_is_not_openrouters_is_a_download(both, upstream, ollama, name):
    answer = both.http.post("/api/pull", json={"model": name})

    assert answer.text.endswith('{"status":"success"}\n')
    assert [json.loads(asked.body) for asked in ollama.asked] == [{"model": name}]
    assert upstream.received == []


def test_a_download_that_cannot_be_is_told_as_one(both, ollama):
    both.http.get("/api/tags")
    ollama.stop()

    answer = both.http.post("/api/pull", json={"model": "mistral-small3.2:24b"})

    assert answer.status_code == 503
    assert answer.json()["error"] == (
        "'mistral-small3.2:24b' would be downloaded by the Ollama on this computer. "
        f"Ollama does not answer at {ollama.url}. {CURE}"
    )


def test_a_pull_by_openrouters_own_name_allows_the_model(both, ollama):
    both.http.request("DELETE", "/api/delete", json={"model": "openai/gpt-4o-mini"})

    both.http.post("/api/pull", json={"model": "openai/gpt-4o-mini"})

    assert both.chat().status_code == 200
    assert ollama.asked == []


def test_what_was_pulled_through_us_is_local_although_nobody_has_listed_it(both, upstream, ollama):
    both.http.post("/api/pull", json={"model": "mistral-small3.2:24b"})
    ollama.stop()

    assert both.http.post("/api/chat", json={"model": "mistral-small3.2:24b", "messages": MESSAGES}).status_code == 503
    assert upstream.received == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/copy", {"source": "openai/gpt-4o-mini", "destination": "mistral"}),
        ("/api/create", {"model": "mistral", "from": "openai/gpt-4o-mini"}),
    ],
)
def test_no_name_of_the_owners_own_is_made_over_a_local_model(both, path, body):
    answer = both.http.post(path, json=body)

    assert (answer.status_code, answer.json()["error"]) == (
        400,
        '"mistral" is the name of a model of your Ollama, and a name of your own would hide it: choose another',
    )


def test_a_request_that_cannot_be_read_is_refused_by_its_own_route(both, ollama):
    answer = both.http.post("/api/chat", content=b'{"model": 5}')

    assert answer.status_code == 400
    assert ollama.asked == []


def test_a_packed_request_is_read_and_passed_as_it_came(both, upstream, ollama):
    import backports.zstd as zstd

    packed = zstd.compress(json.dumps({"model": LOCAL, "messages": MESSAGES}).encode())

    both.http.post("/v1/chat/completions", content=packed, headers={"content-encoding": "zstd"})

    assert [(asked.body, asked.headers["content-encoding"]) for asked in ollama.asked] == [(packed, "zstd")]
    assert upstream.received == []


def test_the_owner_hears_nothing_of_an_answer_that_ollama_gave(both, ollama):
    """It says nothing of the key, nor of the way to OpenRouter."""
    told = []
    before = both.program.deps
    in_flight = replace(before.in_flight, recovered=lambda: told.append("recovered"))
    both.program.deps = replace(before, in_flight=in_flight)

    both.http.post("/api/chat", json={"model": LOCAL, "messages": MESSAGES})

    both.program.deps = before
    assert told == []


@pytest.mark.parametrize(
    ("path", "body", "asked"), [("/api/chat", ASKING["/api/chat"], True), ("/api/show", ASKING["/api/show"], False)]
)
def test_the_log_tells_what_stayed_here(both, log_lines, path, body, asked):
    both.http.post(path, json=body)

    [line] = log_lines(path)
    assert (line["model"], line["local"], line["asked"], line["cost_usd"]) == (LOCAL, True, asked, None)

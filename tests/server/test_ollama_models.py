"""Ollama's verbs over a real socket: what they allow, hide, name and refuse, and what is left of it in the file."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import ollama
import pytest

MINI = "openai/gpt-4o-mini"
GPT_4O = "openai/gpt-4o"
LLAMA = "meta-llama/llama-3.3-70b-instruct"
QWEN = "qwen/qwen3-30b-a3b"
DIGEST = "sha256:" + "0a" * 32
SUCCESS = {"status": "success"}
PULLED = [{"status": "pulling manifest"}, {"status": "writing manifest"}, SUCCESS]
NO_MANIFEST = {"error": "pull model manifest: file does not exist"}
DENIED = {
    "error": "apps may not change the list of models: the setting MANAGE_MODELS is deny; "
    "set it to allow, or use Tray Proxy's settings page"
}
NOT_SAVED = "The settings could not be saved: "
ROUTES = {
    "pull": ("POST", "/api/pull"),
    "push": ("POST", "/api/push"),
    "delete": ("DELETE", "/api/delete"),
    "copy": ("POST", "/api/copy"),
    "create": ("POST", "/api/create"),
}


@pytest.fixture
def start(proxies, tmp_path):
    """Start a proxy in this test's folder; a second start finds what the first one left."""
    return lambda **settings: proxies.start(tmp_path, **settings)


def call(running, verb, **body):
    method, path = ROUTES[verb]
    return running.http.request(method, path, json=body)


def lines(response):
    assert response.headers["content-type"] == "application/x-ndjson"
    assert response.text.endswith("\n")
    return [json.loads(line) for line in response.text[:-1].split("\n")]


def told(response):
    """Return the status and the whole answer."""
    return response.status_code, response.json()


def listed(running):
    return {model["name"] for model in running.http.get("/api/tags").json()["models"]}


def kept(running):
    file = running.home / "settings.json"
    return json.loads(file.read_text()) if file.exists() else {}


@pytest.fixture
def connect():
    """Make official clients, which do not close their connections themselves."""
    with ExitStack() as closing:

        def client(running):
            made = ollama.Client(running.url, trust_env=False)
            closing.callback(made._client.close)
            return made

        yield client


def make_disk_fail(running):
    """Put something else where the settings file was."""
    (running.home / "settings.json").unlink(missing_ok=True)
    (running.home / "settings.json" / "folder").mkdir(parents=True)


# -- pull ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["model", "name"])
def test_pull_allows_a_model(start, field):
    running = start(allowed_models=(MINI,))

    response = call(running, "pull", **{field: QWEN})

    assert (response.status_code, lines(response)) == (200, PULLED)
    assert listed(running) == {MINI, QWEN}
    assert kept(running) == {"allowed_models": [MINI, QWEN]}


def test_pull_without_a_stream_gives_its_last_line_only(start):
    running = start(allowed_models=())

    assert told(call(running, "pull", model=QWEN, stream=False)) == (200, SUCCESS)
    assert listed(running) == {QWEN}


@pytest.mark.parametrize("name", ["gpt-4o", "GPT-4o:latest", f" {GPT_4O} ", f"{GPT_4O}:nitro"])
def test_pull_takes_every_spelling(start, name):
    running = start(allowed_models=(MINI,))

    assert told(call(running, "pull", model=name, stream=False)) == (200, SUCCESS)
    assert listed(running) == {MINI, GPT_4O}


def test_pull_takes_the_names_of_ollamas_library(start):
    """`ollama run llama3.3` pulls what it does not find; the same open model is allowed."""
    running = start(allowed_models=(MINI,))

    assert lines(call(running, "pull", model="llama3.3:70b")) == PULLED
    assert listed(running) == {MINI, LLAMA}
    assert running.chat(model="llama3.3:70b").status_code == 200


def test_pull_shows_a_hidden_model_again(start):
    running = start(hidden_models=(GPT_4O, MINI))

    call(running, "pull", model=GPT_4O)

    assert GPT_4O in listed(running)
    assert MINI not in listed(running)
    assert kept(running) == {"hidden_models": [MINI]}


@pytest.mark.parametrize("manage_models", ["allow", "deny"])
def test_pull_of_what_is_allowed_changes_nothing_and_succeeds(start, manage_models):
    """Home Assistant and Codex pull at their start."""
    running = start(allowed_models=(MINI,), manage_models=manage_models)

    assert lines(call(running, "pull", model=MINI)) == PULLED
    assert kept(running) == {}


@pytest.mark.parametrize("manage_models", ["allow", "deny"])
def test_pull_of_a_name_of_ones_own_changes_nothing_and_succeeds(start, manage_models):
    running = start(presets={"fast": {"model": MINI}}, manage_models=manage_models)

    assert lines(call(running, "pull", model="Fast")) == PULLED
    assert kept(running) == {}


def test_pull_of_a_name_whose_model_is_not_allowed_allows_that(start):
    """Or it would succeed, and the name still stand for nothing."""
    running = start(presets={"fast": {"model": QWEN}}, allowed_models=(MINI,))

    assert told(call(running, "pull", model="fast", stream=False)) == (200, SUCCESS)
    assert listed(running) == {MINI, QWEN, "fast:latest"}


def test_pull_of_an_unknown_model_fails_in_ollamas_words(proxy):
    """Its command line looks for them."""
    streamed, whole = call(proxy, "pull", model="nope"), call(proxy, "pull", model="nope", stream=False)

    assert (streamed.status_code, lines(streamed)) == (200, [{"status": "pulling manifest"}, NO_MANIFEST])
    assert told(whole) == (500, NO_MANIFEST)


@pytest.mark.parametrize(
    ("verb", "field", "manage_models", "pattern", "meant"),
    [
        ("pull", "model", "allow", "*", f", did you mean '{QWEN}'?"),
        ("create", "from", "allow", "*", f", did you mean '{QWEN}'?"),
        ("pull", "model", "deny", "*", ""),
        ("pull", "model", "allow", "openai/*", ""),
    ],
)
def test_what_was_perhaps_meant_stands_behind_those_words(start, tmp_path, verb, field, manage_models, pattern, meant):
    """Allowed or not, if only a pull could allow it."""
    (tmp_path / "filter.txt").write_text(pattern)
    running = start(allowed_models=(MINI,), manage_models=manage_models, models_filter=tmp_path / "filter.txt")

    answer = call(running, verb, **{"model": "mine", field: "qwen/qwen3-30b-a3", "stream": False})

    assert told(answer) == (500, {"error": NO_MANIFEST["error"] + meant})


def test_pull_of_a_name_of_several_models_names_them(proxy):
    status, answer = told(call(proxy, "pull", model="deepseek-r1"))

    assert status == 400
    assert answer == {
        "error": "model name 'deepseek-r1' is ambiguous: it could be deepseek/deepseek-r1, perplexity/deepseek-r1"
    }


@pytest.mark.parametrize("stream", [True, False])
def test_pull_cannot_lift_the_filter_files_ceiling(start, tmp_path, stream):
    """The sentence says where it can be lifted."""
    (tmp_path / "filter.txt").write_text("openai/*\n")
    running = start(models_filter=tmp_path / "filter.txt")

    assert told(call(running, "pull", model=QWEN, stream=stream)) == (
        403,
        {
            "error": f"model '{QWEN}' cannot be allowed: the file that the setting MODELS_FILTER names does not "
            "admit it; add it there and start Tray Proxy again"
        },
    )
    assert kept(running) == {}


def test_pull_asks_openrouter_nothing(start, upstream):
    """The list is in memory; a verb costs nothing and works offline."""
    running = start(allowed_models=(MINI,))
    asked = len(upstream.received)

    call(running, "pull", model=QWEN)

    assert len(upstream.received) == asked


# -- delete ----------------------------------------------------------------------------------------


def test_delete_unticks_a_model(start):
    running = start(allowed_models=(MINI, QWEN))

    response = call(running, "delete", model=QWEN)

    assert (response.status_code, response.content) == (200, b"")
    assert listed(running) == {MINI}
    assert kept(running) == {"allowed_models": [MINI]}


def test_delete_hides_a_model_where_every_one_is_allowed(start):
    """The others stay, and so does what OpenRouter adds tomorrow."""
    running = start()
    before = listed(running)

    assert call(running, "delete", name="gpt-4o").status_code == 200

    assert before - listed(running) == {GPT_4O}
    assert kept(running) == {"hidden_models": [GPT_4O]}
    assert running.chat(model=GPT_4O).status_code == 404


def test_what_is_hidden_stays_hidden_after_a_restart(start):
    call(start(), "delete", model=GPT_4O)

    again = start()

    assert GPT_4O not in listed(again)
    assert MINI in listed(again)


def test_delete_removes_a_name_and_leaves_its_model(start):
    running = start()
    call(running, "copy", source=MINI, destination="fast")

    assert call(running, "delete", model="FAST:latest").status_code == 200

    assert "fast:latest" not in listed(running)
    assert MINI in listed(running)
    assert kept(running) == {}


@pytest.mark.parametrize("name", ["nope", f"{MINI}:nitro"])
def test_delete_of_what_is_in_no_list_is_not_found(proxy, name):
    """A variant is the model with a wish; who deletes the wish does not mean the model."""
    status, answer = told(call(proxy, "delete", model=name))

    assert status == 404
    assert answer["error"].startswith(f"model '{name}' not found")


def test_delete_of_a_name_does_not_need_the_model_behind_it(start):
    """It is gone from OpenRouter's list, and that is why the owner tidies up."""
    running = start(presets={"lost": {"model": "gone/model"}})

    assert call(running, "delete", model="lost").status_code == 200
    assert running.program.presets.named == {}


def test_delete_of_what_is_not_allowed_is_not_found(start):
    running = start(allowed_models=(MINI,))

    status, answer = told(call(running, "delete", model=QWEN))

    why = "for it is not allowed: tick it under Models in Tray Proxy"
    assert (status, answer) == (404, {"error": f"model '{QWEN}' not found, {why}"})


# -- copy ------------------------------------------------------------------------------------------


def test_copy_makes_an_alias(start):
    """For an app that has `gpt-3.5-turbo` built in."""
    running = start()

    response = call(running, "copy", source="gpt-4o-mini", destination="gpt-3.5-turbo")

    assert (response.status_code, response.content) == (200, b"")
    assert "gpt-3.5-turbo:latest" in listed(running)
    assert running.chat(model="GPT-3.5-Turbo").json()["model"] == "GPT-3.5-Turbo"
    (name, content), *more = kept(running)["presets"].items()
    assert (name, content["model"], more) == ("gpt-3.5-turbo:latest", MINI, [])


def test_an_alias_survives_a_restart(start, upstream):
    call(start(), "copy", source=MINI, destination="fast")

    again = start()

    assert again.chat(model="fast").status_code == 200
    assert upstream.chats[-1].body["model"] == MINI


def test_an_alias_keeps_its_variant(start, upstream):
    running = start()
    call(running, "copy", source=f"{MINI}:nitro", destination="quick")

    running.chat(model="quick")

    assert upstream.chats[-1].body["model"] == f"{MINI}:nitro"


def test_a_copied_preset_is_a_preset(start):
    running = start()
    call(running, "create", model="brief", **{"from": MINI}, system="Be brief.")

    call(running, "copy", source="brief", destination="short:v1")

    presets = kept(running)["presets"]
    assert presets["short:v1"]["system"] == "Be brief."
    assert set(presets) == {"brief:latest", "short:v1"}


def test_copy_takes_the_place_of_a_name_that_is_there(start):
    running = start()
    call(running, "copy", source=MINI, destination="fast")

    call(running, "copy", source=GPT_4O, destination="Fast")

    assert {name: preset["model"] for name, preset in kept(running)["presets"].items()} == {"Fast:latest": GPT_4O}


@pytest.mark.parametrize("source", ["nope", QWEN])
def test_copy_of_what_is_not_to_be_had_is_not_found(start, source):
    running = start(allowed_models=(MINI,))

    status, answer = told(call(running, "copy", source=source, destination="fast"))

    assert status == 404
    assert answer["error"].startswith(f'model "{source}" not found')
    assert kept(running) == {}


@pytest.mark.parametrize("name", [QWEN, QWEN.upper(), f"{QWEN}:latest", f"{QWEN}:nitro", "openai/gpt-4o"])
@pytest.mark.parametrize("verb", ["copy", "create"])
def test_no_name_of_ones_own_hides_a_model(start, name, verb):
    """Whether that model is allowed or not: an app that asks for it must not get another one."""
    running = start(allowed_models=(MINI, "openai/gpt-4o"))
    names = {"source": MINI, "destination": name} if verb == "copy" else {"model": name, "from": MINI}

    assert told(call(running, verb, **names)) == (
        400,
        {
            "error": f'"{name}" is the name of a model at OpenRouter, and a name of your own would hide it: '
            "choose another"
        },
    )
    assert kept(running) == {}


def test_a_tag_of_ones_own_on_a_models_name_hides_nothing(start):
    running = start()

    assert call(running, "copy", source=MINI, destination=f"{GPT_4O}:mine").status_code == 200
    assert {GPT_4O, f"{GPT_4O}:mine"} <= listed(running)


# -- create ----------------------------------------------------------------------------------------


def no_weights(field):
    return (
        f"'{field}' cannot be used: models run at OpenRouter and there are no weights here; "
        "create from a model instead (FROM vendor/model)"
    )


BRIEF = {
    "from": MINI,
    "system": "Be brief.",
    "parameters": {"temperature": 0.5, "stop": ["END"]},
    "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}],
    "template": "{{ .Prompt }}",
    "license": ["MIT", "Apache-2.0"],
}


def test_create_keeps_a_preset(start):
    running = start()

    response = call(running, "create", model="brief", **BRIEF)

    assert (response.status_code, lines(response)) == (
        200,
        [
            {"status": "the template is kept and shown, but not used: a model at OpenRouter brings its own"},
            {"status": "writing manifest"},
            SUCCESS,
        ],
    )
    (preset,) = kept(running)["presets"].values()
    assert preset.pop("created_s") > 1_700_000_000
    assert preset == {
        "model": MINI,
        **{name: value for name, value in BRIEF.items() if name != "from"},
        "license": "MIT\nApache-2.0",
    }
    assert "brief:latest" in listed(running)


def test_a_preset_is_chatted_with_after_a_restart(start, upstream):
    call(start(), "create", model="brief", **BRIEF)

    start().chat("What is up?", model="brief")

    sent = upstream.chats[-1].body
    assert (sent["model"], sent["temperature"], sent["stop"]) == (MINI, 0.5, ["END"])
    assert [(message["role"], message["content"]) for message in sent["messages"]] == [
        ("system", "Be brief."),
        ("user", "Hi"),
        ("assistant", "Ho"),
        ("user", "What is up?"),
    ]


def test_create_without_a_stream_gives_its_last_line_only(start):
    running = start()

    assert told(call(running, "create", name="brief", stream=False, **BRIEF)) == (200, SUCCESS)


def test_create_from_a_preset_inherits_what_is_not_given(start):
    running = start()
    call(running, "create", model="brief", **BRIEF)

    call(
        running, "create", model="cold", **{"from": "Brief"}, parameters={"temperature": 0, "stop": None}, license="MIT"
    )

    preset = kept(running)["presets"]["cold:latest"]
    del preset["created_s"]
    assert preset == {
        "model": MINI,
        "system": "Be brief.",
        "parameters": {"temperature": 0, "stop": ["END"]},
        "messages": BRIEF["messages"],
        "template": "{{ .Prompt }}",
        "license": "MIT\nApache-2.0",
    }


@pytest.mark.parametrize(
    ("source", "model"), [(QWEN, QWEN), ("qwen3-30b-a3b", QWEN), ("llama3.3:70b", LLAMA), (f"{QWEN}:nitro", QWEN)]
)
def test_create_from_a_model_that_is_not_allowed_allows_it(start, source, model):
    running = start(allowed_models=(MINI,))

    answer = lines(call(running, "create", model="mine", **{"from": source}))

    assert [line["status"] for line in answer] == ["pulling manifest", "writing manifest", "success"]
    assert listed(running) == {MINI, model, "mine:latest"}
    assert running.chat(model="mine").status_code == 200


def test_create_says_which_parameters_have_no_effect(start):
    """They are kept and shown, as their owner may want them elsewhere."""
    running = start()

    answer = lines(call(running, "create", model="x", **{"from": MINI}, parameters={"num_gpu": 1, "warmth": 2}))

    assert [line["status"] for line in answer] == [
        "the parameter num_gpu is kept without effect: hardware is OpenRouter's business",
        "the parameter warmth is kept without effect: it is not known",
        "writing manifest",
        "success",
    ]


def test_create_from_an_unknown_model_fails_as_its_pull_does(start):
    running = start()

    streamed = call(running, "create", model="x", **{"from": "nope"})
    whole = call(running, "create", model="x", **{"from": "nope"}, stream=False)

    assert (streamed.status_code, lines(streamed)) == (200, [{"status": "pulling manifest"}, NO_MANIFEST])
    assert told(whole) == (500, NO_MANIFEST)
    assert kept(running) == {}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"model": "x"}, "neither 'from' or 'files' was specified"),
        (
            {"model": "x", "from": MINI, "parameters": {"zz": {"a": [1]}}},
            "parameter 'zz' must be a value or a list of values",
        ),
        (
            {"model": "x", "from": "", "files": {}, "adapters": {}, "quantize": ""},
            "neither 'from' or 'files' was specified",
        ),
        ({"from": MINI}, "invalid model name"),
        ({"model": "two words", "from": MINI}, "invalid model name"),
        ({"model": "x", "from": "two words"}, "invalid model name"),
        ({"model": "x", "files": {"/etc/passwd": DIGEST}}, "file path must be relative"),
        ({"model": "x", "files": {"../x.gguf": DIGEST}}, "file path must be relative"),
        (
            {"model": "x", "files": {"a/x.gguf": DIGEST}},
            no_weights("files"),
        ),
        (
            {"model": "x", "from": MINI, "adapters": {"x.safetensors": DIGEST}},
            no_weights("adapters"),
        ),
        (
            {"model": "x", "from": MINI, "quantize": "q4_K_M"},
            no_weights("quantize"),
        ),
        (
            {"model": "x", "from": MINI, "parameters": {"temperature": "hot"}},
            'option "temperature" must be of type float32',
        ),
        ({"model": "x", "from": MINI, "parameters": {"stop": [1]}}, 'option "stop" must be of an array of strings'),
        (
            {"model": "x", "from": MINI, "messages": [{"role": "clown", "content": "x"}]},
            "invalid role: 'clown'; expected one of system, developer, user, assistant, tool",
        ),
        (
            {"model": "x", "from": MINI, "messages": [{"role": "user", "images": ["no base64!"]}]},
            "illegal base64 data in images",
        ),
    ],
)
def test_create_refuses_what_it_cannot_keep(start, body, error):
    running = start()

    assert told(call(running, "create", **body)) == (400, {"error": error})
    assert kept(running) == {}


def test_what_create_refuses_allows_nothing_either(start):
    """The model behind it is not one that sees, and was not allowed before."""
    running = start(allowed_models=(MINI,))
    seen = {"role": "user", "images": ["iVBORw0KGgo="]}

    assert call(running, "create", model="x", **{"from": QWEN}, messages=[seen]).status_code == 400

    assert (listed(running), kept(running)) == ({MINI}, {})


# -- push and blobs --------------------------------------------------------------------------------


def test_there_is_no_blob(proxy):
    response = proxy.http.head(f"/api/blobs/{DIGEST}")

    assert (response.status_code, response.content) == (404, b"")


@pytest.mark.parametrize("separator", [":", "-"])
def test_no_blob_is_taken_and_the_client_reads_why(proxy, separator):
    """However large: it is answered at once, and the connection can be used again."""
    digest = DIGEST.replace(":", separator)

    for _ in range(2):
        assert told(proxy.http.post(f"/api/blobs/{digest}", content=bytes(5_000_000))) == (
            400,
            {
                "error": "files cannot be taken: models run at OpenRouter and there are no weights here; "
                "create from a model instead (FROM vendor/model)"
            },
        )


@pytest.mark.parametrize("digest", ["sha256:12", "sha1:" + "0a" * 32, "sha256:" + "0g" * 32, DIGEST + "0", "x"])
def test_a_digest_that_is_none_is_refused(proxy, digest):
    assert proxy.http.head(f"/api/blobs/{digest}").status_code == 400
    assert told(proxy.http.post(f"/api/blobs/{digest}", content=b"x")) == (400, {"error": "invalid digest format"})


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_blobs_know_no_other_method(proxy, method):
    assert proxy.http.request(method, f"/api/blobs/{DIGEST}").status_code == 405


# -- for all of them -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "body", "error"),
    [
        ("pull", {}, "invalid model name"),
        ("pull", {"model": "two words"}, "invalid model name"),
        ("push", {}, "model is required"),
        ("push", {"model": " "}, "model is required"),
        ("delete", {}, "model is required"),
        ("delete", {"model": ""}, "model is required"),
        ("delete", {"model": "two words"}, 'name "two words" is invalid'),
        ("copy", {"destination": "x"}, 'source "" is invalid'),
        ("copy", {"source": "two words", "destination": "x"}, 'source "two words" is invalid'),
        ("copy", {"source": MINI}, 'destination "" is invalid'),
        ("copy", {"source": MINI, "destination": "a//b"}, 'destination "a//b" is invalid'),
    ],
)
def test_a_name_that_is_none_is_refused_in_ollamas_words(proxy, verb, body, error):
    assert told(call(proxy, verb, **body)) == (400, {"error": error})


CHANGES = [
    ("pull", {"model": QWEN}),
    ("delete", {"model": MINI}),
    ("delete", {"model": "fast"}),
    ("copy", {"source": MINI, "destination": "x"}),
    ("create", {"model": "x", "from": MINI}),
    ("create", {"model": "x", "from": QWEN}),
]


@pytest.mark.parametrize(("verb", "body"), CHANGES)
def test_the_owner_can_deny_every_change(start, verb, body):
    running = start(allowed_models=(MINI,), presets={"fast": {"model": MINI}}, manage_models="deny")

    assert told(call(running, verb, **body)) == (403, DENIED)
    assert listed(running) == {MINI, "fast:latest"}
    assert kept(running) == {}


def test_where_changes_are_denied_an_unknown_model_is_still_unknown(start):
    running = start(manage_models="deny")

    assert told(call(running, "pull", model="nope", stream=False)) == (500, NO_MANIFEST)


@pytest.mark.parametrize(("verb", "body"), CHANGES)
def test_a_change_that_cannot_be_saved_is_told_and_is_none(start, verb, body):
    running = start(allowed_models=(MINI,), presets={"fast": {"model": MINI}})
    make_disk_fail(running)

    status, answer = told(call(running, verb, **body))

    assert status == 500
    assert answer["error"].startswith(NOT_SAVED)
    assert listed(running) == {MINI, "fast:latest"}


def test_many_apps_at_once_lose_nothing(start):
    """Each change is made whole before the next one begins, in memory and in the file."""
    running = start(allowed_models=(MINI,))
    changes = [
        *(("copy", {"source": MINI, "destination": f"copy{number}"}) for number in range(8)),
        *(("pull", {"model": model}) for model in (GPT_4O, QWEN, LLAMA)),
    ]

    with ThreadPoolExecutor(len(changes)) as apps:
        statuses = list(apps.map(lambda change: call(running, change[0], **change[1]).status_code, changes))

    names = {f"copy{number}:latest" for number in range(8)}
    assert statuses == [200] * len(changes)
    assert listed(running) == {MINI, GPT_4O, QWEN, LLAMA} | names
    assert set(kept(running)["presets"]) == names
    assert set(kept(running)["allowed_models"]) == {MINI, GPT_4O, QWEN, LLAMA}


def test_the_official_client_drives_it_all(start, upstream, connect):
    """Pull, copy, create, chat, show, delete: as its users write it."""
    running = start(allowed_models=(MINI,))
    client = connect(running)

    assert [part.status for part in client.pull(QWEN, stream=True)] == [
        "pulling manifest",
        "writing manifest",
        "success",
    ]
    assert client.pull(QWEN).status == "success"
    assert client.copy(MINI, "fast").status == "success"
    made = client.create(
        "brief",
        from_="fast",
        system="Be brief.",
        parameters={"temperature": 0.5},
        messages=[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}],
    )
    client.chat("brief", messages=[{"role": "user", "content": "What is up?"}])
    shown = client.show("brief")

    assert made.status == "success"
    assert [message["content"] for message in upstream.chats[-1].body["messages"]] == [
        "Be brief.",
        "Hi",
        "Ho",
        "What is up?",
    ]
    assert (upstream.chats[-1].body["model"], upstream.chats[-1].body["temperature"]) == (MINI, 0.5)
    assert "Be brief." in shown.modelfile
    assert {model.model for model in client.list().models} == {MINI, QWEN, "fast:latest", "brief:latest"}
    for name in ("brief", "fast", QWEN):
        assert client.delete(name).status == "success"
    assert {model.model for model in client.list().models} == {MINI}


def test_the_official_client_hears_of_failures(proxy, connect):
    client = connect(proxy)

    for attempt in (lambda: list(client.pull("nope", stream=True)), lambda: client.pull("nope")):
        with pytest.raises(ollama.ResponseError, match="file does not exist"):
            attempt()
    with pytest.raises(ollama.ResponseError, match="nothing can be pushed"):
        client.push(MINI)
    with pytest.raises(ollama.ResponseError, match="not found"):
        client.delete("nope")
    with pytest.raises(ollama.ResponseError, match='model "nope" not found'):
        client.copy("nope", "x")

"""`/api/embed` and `/api/embeddings` over a real socket, as an app meets them."""

import json
import logging
import math
import queue
import socket

import pytest
import structlog

from desktop.waiting import wait_for
from tray_proxy import logs
from tray_proxy.demo.faults import FAULTS, Fault
from tray_proxy.demo.steps import json_steps
from tray_proxy.demo.vectors import vector_of

OPENAI = "openai/text-embedding-3-small"
# The demo's vectors of this model are three long.
BGE = "baai/bge-m3"
PATH = "/api/v1/embeddings"


def embed(proxy, **body):
    return proxy.http.post("/api/embed", json={"model": BGE} | body)


def orders(upstream):
    """Return what OpenRouter was asked for, request by request."""
    return [received.body for received in upstream.received if received.path == PATH]


def sizes(upstream):
    return [[len(text) for text in order["input"]] for order in orders(upstream)]


def unit(text, length=1024):
    return pytest.approx(vector_of(text, length))


def fault_of(result):
    """Answer with a document of one's own."""
    return Fault("own", lambda _exchange, _seconds: json_steps(result), "a document of the test's own", on="embeddings")


def test_a_text_has_one_vector(proxy, upstream):
    answer = embed(proxy, input="hello")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert list(answer.json()) == ["model", "embeddings", "total_duration", "load_duration", "prompt_eval_count"]
    assert answer.json()["model"] == BGE
    assert answer.json()["embeddings"] == [unit("hello")]
    assert orders(upstream) == [{"model": BGE, "input": ["hello"]}]


def test_each_vector_is_one_long(proxy):
    """Apps compare them by their dot product alone."""
    vectors = embed(proxy, input=["one", "two"]).json()["embeddings"]

    assert [math.hypot(*vector) for vector in vectors] == pytest.approx([1, 1])


def test_vectors_stand_in_the_order_of_the_texts(proxy, upstream):
    upstream.arrange("embeddings-unordered")

    vectors = embed(proxy, input=["one", "two", "three"]).json()["embeddings"]

    assert vectors == [unit("one"), unit("two"), unit("three")]


def test_counts_are_openrouters_and_durations_fit_together(proxy):
    answer = embed(proxy, input=["one two", "three"]).json()

    assert answer["prompt_eval_count"] == 3
    assert 0 < answer["load_duration"] < answer["total_duration"]


def test_without_usage_the_count_is_not_zero(proxy, upstream):
    """Clients divide by it."""
    upstream.arrange("no-usage", on="embeddings")

    assert embed(proxy, input="hello").json()["prompt_eval_count"] == 1


@pytest.mark.parametrize("given", [{}, {"input": None}, {"input": ""}, {"input": []}])
@pytest.mark.parametrize("model", [BGE, "openai/gpt-4o"])
def test_without_a_text_the_model_is_loaded_and_nothing_asked(proxy, upstream, model, given):
    answer = embed(proxy, model=model, **given)

    assert (answer.status_code, answer.json()) == (200, {"model": model, "embeddings": []})
    assert upstream.received == []


@pytest.mark.parametrize("given", [1, 0, True, False, {"text": "hello"}, {}, ["hello", 1], [["hello"]]])
def test_an_input_of_another_type_is_refused_before_the_model_is_looked_for(proxy, upstream, given):
    answer = embed(proxy, model="no/such", input=given)

    assert (answer.status_code, answer.json()) == (400, {"error": "invalid input type"})
    assert upstream.received == []


@pytest.mark.parametrize(
    ("path", "body", "status", "error"),
    [
        ("/api/embed", {"input": "a"}, 404, "model '' not found"),
        ("/api/embed", {"model": "", "input": "a"}, 404, "model '' not found"),
        ("/api/embed", {"model": "a b", "input": "a"}, 400, "invalid model name"),
        ("/api/embed", {"model": "zz/qq", "input": "a"}, 404, 'model "zz/qq" not found, try pulling it first'),
        ("/api/embed", {"model": "zz/qq"}, 404, 'model "zz/qq" not found, try pulling it first'),
        ("/api/embeddings", {"prompt": "a"}, 400, "model is required"),
        ("/api/embeddings", {"model": "a b", "prompt": "a"}, 400, "invalid model name"),
        ("/api/embeddings", {"model": "zz/qq", "prompt": "a"}, 404, 'model "zz/qq" not found, try pulling it first'),
        ("/api/embed", {"model": "openai/gpt-4o", "input": "a"}, 400, "this model does not support embeddings"),
        ("/api/embeddings", {"model": "openai/gpt-4o", "prompt": "a"}, 400, "this model does not support embeddings"),
        ("/api/embed", {"model": BGE, "input": "a", "keep_alive": "10"}, 400, 'time: invalid duration "10"'),
        ("/api/embeddings", {"model": BGE, "prompt": "a", "keep_alive": []}, 400, "Unsupported type:"),
        (
            "/api/embed",
            {"model": BGE, "input": "a", "options": {"num_ctx": "x"}},
            400,
            'option "num_ctx" must be of type',
        ),
        ("/api/embed", {"model": BGE, "options": {"num_ctx": "x"}}, 400, 'option "num_ctx" must be of type'),
        ("/api/embeddings", {"model": BGE, "options": {"num_ctx": "x"}}, 400, 'option "num_ctx" must be of type'),
    ],
)
def test_what_is_refused_is_refused_in_ollamas_words_and_costs_nothing(proxy, upstream, path, body, status, error):
    answer = proxy.http.post(path, json=body)

    assert (answer.status_code, list(answer.json())) == (status, ["error"])
    assert answer.json()["error"].startswith(error)
    assert upstream.received == []


def test_many_texts_are_asked_for_in_portions(proxy, upstream):
    texts = [f"text {number}" for number in range(200)]

    answer = embed(proxy, input=texts).json()

    assert [len(order["input"]) for order in orders(upstream)] == [96, 96, 8]
    assert answer["embeddings"] == [unit(text) for text in texts]
    assert answer["prompt_eval_count"] == 400


def test_a_portion_that_fails_ends_the_purchase(proxy, upstream):
    """What would follow could not be delivered any more."""
    upstream.arrange("status-402", on="embeddings")

    answer = embed(proxy, input=["text"] * 200)

    assert answer.status_code == 402
    assert len(orders(upstream)) == 1


@pytest.mark.parametrize(("dimensions", "length"), [(3, 3), (1024, 1024), (5000, 1024), (0, 1024), (-1, 1024)])
def test_dimensions_cut_the_vector_and_it_is_one_long_again(proxy, upstream, dimensions, length):
    [vector] = embed(proxy, input="hello", dimensions=dimensions).json()["embeddings"]

    assert len(vector) == length
    assert math.hypot(*vector) == pytest.approx(1)
    assert "dimensions" not in orders(upstream)[0]


def test_options_are_not_sent(proxy, upstream):
    """OpenRouter would refuse them."""
    answer = embed(proxy, input="hello", options={"num_ctx": 512, "temperature": 0.5}, truncate=True, keep_alive="5m")

    assert answer.status_code == 200
    assert orders(upstream) == [{"model": BGE, "input": ["hello"]}]


def test_an_empty_text_among_others_has_its_vector(proxy):
    answer = embed(proxy, input=["one", "", "two"])

    assert answer.json()["embeddings"] == [unit("one"), unit(" "), unit("two")]


def test_a_text_that_is_too_long_is_cut_until_it_fits(proxy, upstream):
    """The context has 8192 tokens; the demo counts two characters of the first text as one."""
    long, short = " x" * 15_000, "short"

    answer = embed(proxy, input=[long, short])

    assert answer.json()["embeddings"] == [unit(long[: 2 * 8192]), unit(short)]
    assert sizes(upstream) == [[30_000, 5], [30_000], [16_384], [5]]


def test_only_the_portion_with_the_long_text_is_asked_for_again(proxy, upstream):
    answer = embed(proxy, input=["text"] * 96 + ["x" * 80_000])

    assert answer.status_code == 200
    assert sizes(upstream) == [[4] * 96, [80_000], [4 * 8192]]


def test_a_provider_that_says_it_in_its_own_words_is_understood(proxy, upstream):
    upstream.arrange("embeddings-too-long")

    answer = embed(proxy, input="x" * 40_000)

    assert answer.status_code == 200
    assert sizes(upstream) == [[40_000], [32_768]]


def test_texts_that_are_too_much_together_are_asked_for_in_halves(proxy, upstream):
    """Mistral takes 16 384 tokens at once. Nothing is cut for that."""
    upstream.arrange("embeddings-too-long", times=2)

    answer = embed(proxy, input=["one", "two", "three", "four", "five"])

    assert answer.json()["embeddings"] == [unit(text) for text in ("one", "two", "three", "four", "five")]
    assert sizes(upstream) == [[3, 3, 5, 4, 4], [3, 3], [3], [3], [5, 4, 4]]


def test_a_text_that_fits_is_not_cut_because_all_are_too_much_together(proxy, upstream):
    upstream.arrange("embeddings-too-long")
    texts = ["x" * 10_000, "y" * 10_000]

    answer = embed(proxy, input=texts)

    assert answer.json()["embeddings"] == [unit(text) for text in texts]
    assert sizes(upstream) == [[10_000, 10_000], [10_000], [10_000]]


def test_halves_are_not_tried_where_nothing_may_be_cut(proxy, upstream):
    """Some would be paid for, and none delivered."""
    upstream.arrange("embeddings-too-long")

    answer = embed(proxy, input=["one", "two"], truncate=False)

    assert (answer.status_code, answer.json()) == (400, {"error": "the input length exceeds the context length"})
    assert len(orders(upstream)) == 1


def test_what_is_too_long_all_the_same_is_refused_in_ollamas_words(proxy, upstream):
    upstream.arrange("embeddings-too-long", times=4)

    answer = embed(proxy, input="x" * 40_000)

    assert (answer.status_code, answer.json()) == (400, {"error": "the input length exceeds the context length"})
    assert sizes(upstream) == [[40_000], [32_768], [16_384], [8192]]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/embed", {"input": "x" * 80_000, "truncate": False}),
        ("/api/embeddings", {"prompt": "x" * 80_000}),
    ],
)
def test_a_text_that_may_not_be_cut_is_refused_in_ollamas_words(proxy, upstream, path, body):
    answer = proxy.http.post(path, json={"model": BGE} | body)

    assert (answer.status_code, answer.json()) == (400, {"error": "the input length exceeds the context length"})
    assert sizes(upstream) == [[80_000]]


@pytest.mark.parametrize("truncate", [{}, {"truncate": None}, {"truncate": True}])
def test_texts_are_cut_unless_told_otherwise(proxy, truncate):
    assert embed(proxy, input="x" * 80_000, **truncate).status_code == 200


def test_another_refusal_is_not_answered_with_shorter_texts(proxy, upstream):
    upstream.arrange("status-400", on="embeddings")

    answer = embed(proxy, input="x" * 40_000)

    assert answer.status_code == 400
    assert "Input must have at least 1 token." in answer.json()["error"]
    assert len(orders(upstream)) == 1


def test_a_model_that_openrouter_does_not_let_embed_keeps_openrouters_words(proxy, upstream):
    error = {"code": 400, "message": "baai/bge-m3 cannot be used on this endpoint; use /api/v1/chat/completions"}
    refusal = Fault("own", lambda _e, _s: json_steps({"error": error}, status=400), "wrong endpoint", on="embeddings")
    upstream.arrange(refusal)

    answer = embed(proxy, input="hello")

    assert answer.status_code == 400
    assert answer.json()["error"].startswith(error["message"])


@pytest.mark.parametrize(
    ("fault", "status", "error"),
    [
        ("status-401", 401, "OpenRouter does not accept the key: User not found."),
        ("status-402", 402, "OpenRouter says that there is not enough credit: Insufficient credits."),
        ("status-408", 408, "The request timed out."),
        ("status-413", 413, "The request is too large."),
        ("status-429", 429, "Rate limit exceeded: free-models-per-min."),
        ("status-500", 500, "Internal Server Error"),
        ("status-503", 503, "No instances available"),
        ("status-524", 524, "The provider took too long."),
        ("status-529", 529, "Provider is overloaded"),
        ("error-in-200", 502, "Provider returned error"),
        ("cut", 502, "The connection to OpenRouter broke off before the answer was complete."),
        ("captive-portal", 502, "A web page came in place of OpenRouter's answer"),
        ("not-json", 502, "The answer did not come from OpenRouter"),
        ("html-error", 502, "OpenRouter answered with status 502 and no reason."),
        ("redirect", 502, "This network wants you to sign in first, at login.example.com"),
    ],
)
def test_a_failure_of_openrouters_keeps_its_status_and_reason(proxy, upstream, fault, status, error):
    upstream.arrange(fault, on="embeddings")

    answer = embed(proxy, input="hello")

    assert (answer.status_code, answer.json()["error"][: len(error)]) == (status, error)
    assert len(orders(upstream)) == 1


def test_a_connection_that_breaks_without_a_byte_is_a_failure(proxy, upstream):
    """Where the connection had been idle, the request may go out once more: so that one fails, too."""
    upstream.arrange("no-bytes", on="embeddings", times=2)

    answer = embed(proxy, input="hello")

    assert answer.status_code == 502
    assert answer.json()["error"].startswith("The connection to OpenRouter broke off before anything was answered.")


def test_how_long_to_wait_is_passed_on(proxy, upstream):
    upstream.arrange("status-429", on="embeddings")

    assert embed(proxy, input="hello").headers["retry-after"] == "1"


@pytest.mark.parametrize(
    "data",
    [
        [],
        [{"embedding": [1.0], "index": 0}],
        [{"embedding": [1.0], "index": 0}, {"embedding": [1.0], "index": 0}],
        [{"embedding": [1.0], "index": 0}, {"embedding": [1.0], "index": 5}],
        [{"embedding": [1.0], "index": 0}, {"embedding": [], "index": 1}],
        [{"embedding": [None], "index": 0}, {"embedding": [1.0], "index": 1}],
    ],
)
def test_vectors_that_do_not_fit_their_texts_are_an_error(proxy, upstream, data):
    upstream.arrange(fault_of({"object": "list", "data": data}))

    answer = embed(proxy, input=["one", "two"])

    assert answer.status_code == 502
    assert answer.json()["error"].startswith("OpenRouter")


def test_a_vector_of_zeros_stays_one(proxy, upstream):
    upstream.arrange(fault_of({"data": [{"embedding": [0, 0.0], "index": 0}]}))

    assert embed(proxy, input="hello").json()["embeddings"] == [[0.0, 0.0]]


@pytest.mark.parametrize("asked", ["bge-m3", "BAAI/BGE-M3:latest", "baai/bge-m3:nitro"])
def test_the_answer_repeats_the_name_that_was_asked(proxy, asked):
    assert embed(proxy, model=asked, input="hello").json()["model"] == asked


def test_a_name_of_the_owners_making_embeds_with_its_model(proxies, upstream, tmp_path):
    mine = proxies.start(tmp_path, presets={"mine": {"model": BGE}})

    answer = embed(mine, model="mine", input="hello").json()

    assert (answer["model"], answer["embeddings"]) == ("mine", [unit("hello")])
    assert orders(upstream)[0]["model"] == BGE


def test_the_old_way_gives_one_vector_and_nothing_else(proxy, upstream):
    answer = proxy.http.post("/api/embeddings", json={"model": BGE, "prompt": "hello"})

    assert (answer.status_code, answer.json()) == (200, {"embedding": unit("hello")})
    assert orders(upstream) == [{"model": BGE, "input": ["hello"]}]


@pytest.mark.parametrize("given", [{}, {"prompt": None}, {"prompt": ""}])
def test_the_old_way_without_a_text_costs_nothing(proxy, upstream, given):
    answer = proxy.http.post("/api/embeddings", json={"model": BGE} | given)

    assert (answer.status_code, answer.json()) == (200, {"embedding": []})
    assert upstream.received == []


def test_an_embedding_model_shows_among_the_models_in_use(proxies, tmp_path):
    mine = proxies.start(tmp_path)

    embed(mine, input="hello")
    embed(mine, model=OPENAI)

    assert {model["name"] for model in mine.http.get("/api/ps").json()["models"]} == {BGE, OPENAI}


@pytest.mark.parametrize("given", [{"input": "hello"}, {}])
def test_a_model_that_is_not_to_stay_does_not(proxies, tmp_path, given):
    mine = proxies.start(tmp_path)

    embed(mine, keep_alive=0, **given)

    assert mine.http.get("/api/ps").json() == {"models": []}


def test_an_answer_tells_how_long_the_vectors_are(proxies, tmp_path):
    """The catalogue does not; apps make their tables by it."""
    mine = proxies.start(tmp_path)

    embed(mine, input="hello", dimensions=8)

    shown = mine.http.post("/api/show", json={"model": BGE}).json()["model_info"]
    assert {key: value for key, value in shown.items() if key.endswith(".embedding_length")} == {
        f"{shown['general.architecture']}.embedding_length": 1024
    }


def leave(proxy, upstream, path, body):
    """Ask over a bare socket, and close it once OpenRouter has been asked."""
    content = json.dumps({"model": BGE} | body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", int(proxy.url.rpartition(":")[2]))) as client:
        client.sendall(head.encode() + content)
        assert upstream.wait_for(lambda demo: any(orders(demo)), 15)


@pytest.mark.parametrize("fault", ["silence", "headers-then-silence", "idle"])
@pytest.mark.parametrize(
    ("path", "body"), [("/api/embed", {"input": "hello"}), ("/api/embeddings", {"prompt": "hello"})]
)
def test_a_client_that_leaves_ends_the_upstream_call(proxy, upstream, fault, path, body):
    upstream.arrange(FAULTS[fault].lasting(30), on="embeddings")

    leave(proxy, upstream, path, body)

    assert upstream.wait_for(lambda demo: demo.received[-1].outcome == "dropped", 15)


def test_a_client_that_leaves_is_sold_no_further_portion(proxies, upstream, tmp_path):
    mine = proxies.start(tmp_path)
    counts = queue.Queue()
    mine.program.deps.in_flight.changed = counts.put
    upstream.arrange(FAULTS["silence"].lasting(30), on="embeddings")

    leave(mine, upstream, "/api/embed", {"input": ["text"] * 200})

    assert [counts.get(timeout=15), counts.get(timeout=15)] == [1, 0]
    assert len(orders(upstream)) == 1


def test_openrouters_silence_is_named_with_its_limit(proxies, upstream, tmp_path):
    mine = proxies.start(tmp_path, first_byte_timeout_s=0.2)
    upstream.arrange(FAULTS["headers-then-silence"].lasting(30), on="embeddings")

    answer = embed(mine, input="hello")

    assert answer.status_code == 504
    assert answer.json()["error"].startswith(
        "OpenRouter was silent for 0.2 s while we waited for the first byte of the answer."
    )


def test_the_owner_hears_of_trouble_and_of_its_end(proxies, upstream, tmp_path):
    mine = proxies.start(tmp_path)
    heard = queue.Queue()
    mine.program.deps.in_flight.troubled = lambda error: heard.put(type(error).__name__)
    mine.program.deps.in_flight.recovered = lambda: heard.put("recovered")
    upstream.arrange("status-402", on="embeddings")

    embed(mine, input="hello")
    embed(mine, input="hello")

    assert [heard.get(timeout=15), heard.get(timeout=15)] == ["OutOfCredits", "recovered"]


@pytest.fixture
def log_line(tmp_path):
    """Write the real log into a folder, and give the one line of a request to a path."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers = []
    logs.set_up(tmp_path, "INFO", echo=False)

    def line(path):
        """Wait for the line: it is written after the answer was sent."""
        file = tmp_path / logs.FILE_NAME

        def found():
            lines = [json.loads(each) for each in file.read_text().splitlines()]
            return next((each for each in lines if each.get("path") == path), None)

        return wait_for(found, f"the line of {path}")

    yield line
    for handler in root.handlers:
        handler.close()
    root.handlers = before
    root.setLevel(level)
    structlog.reset_defaults()


def test_the_log_line_has_model_tokens_and_cost_of_all_portions(proxy, log_line):
    embed(proxy, model="bge-m3", input=["secret"] * 200)

    line = log_line("/api/embed")
    assert (line["model"], line["outcome"], line["prompt_tokens"]) == (BGE, "done", 200)
    assert line["cost_usd"] == pytest.approx(200 * 0.00000001)
    assert "secret" not in json.dumps(line)


def test_the_log_line_has_the_cost_of_what_came_before_a_failure(proxy, log_line):
    """It was charged, delivered or not."""
    embed(proxy, input=["text"] * 96 + ["x" * 80_000], truncate=False)

    line = log_line("/api/embed")
    assert (line["status"], line["outcome"], line["prompt_tokens"]) == (400, "failed", 96)
    assert line["cost_usd"] == pytest.approx(96 * 0.00000001)

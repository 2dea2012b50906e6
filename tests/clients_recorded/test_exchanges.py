"""
Exchanges as the apps make them that cannot run here: each request as its app sends it, and each answer held against
what the app's own reader insists on.

A fixture is a client with its exchanges in their order. Of an exchange: `request` is what goes over the socket, to
the last header; with `each`, it is made for every model of the list before, whose field of that name stands where
`$each` does. `answer` says what must come back, as JSON Schema where it is JSON (`lines` for every line of a stream,
`one_line` for exactly one of them, `events` for every event of a stream of OpenAI's, `last` for the last one; `finish`
is the reason that stands in its last choice). `allow_origin` is whose page may read it. `chats` is how often OpenRouter
may be asked for a chat, and `upstream` what it must have been sent then.
"""

import http.client
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.validators import extend

from tray_proxy.demo.upstream import DEMO_KEY

FIXTURES = Path(__file__).parents[1] / "fixtures" / "clients"
CLIENTS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FIXTURES.glob("*.json"))}

# As Rust and Swift read numbers: 1.0 is no integer.
Strict = extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int),
)


@dataclass
class Answer:
    """What came back over the socket."""

    status: int
    content_type: str
    allow_origin: str | None
    body: bytes

    @property
    def lines(self) -> list[Any]:
        """The objects of a stream; readers that split at the line end take no blank line."""
        text = self.body.decode()
        assert text.endswith("\n")
        return [json.loads(line) for line in text[:-1].split("\n")]

    @property
    def events(self) -> list[Any]:
        """The objects of OpenAI's stream: a line of data each and a blank one, and a mark at the end."""
        *events, mark, behind = self.body.decode().split("\n\n")
        assert (mark, behind) == ("data: [DONE]", "")
        assert all(event.startswith("data: ") for event in events)
        return [json.loads(event.removeprefix("data: ")) for event in events]


class Session:
    """
    One client's way through its exchanges, on one connection, as apps keep it.

    Args:
        port: Where the proxy is.
    """

    def __init__(self, client: dict[str, Any], port: int) -> None:
        self._client = client
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        self.models: list[dict[str, Any]] = []

    def send(self, request: dict[str, Any], each: str = "") -> Answer:
        """Send a request with the headers that its client sends, and no others."""
        headers = {
            "Host": f"localhost:{self._connection.port}",
            **self._client["headers"],
            **request.get("headers", {}),
        }
        body = b""
        if "body" in request:
            body = json.dumps(request["body"]).replace('"$each"', json.dumps(each)).encode()
            headers["Content-Length"] = str(len(body))
        self._connection.putrequest(request["method"], request["path"], skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            self._connection.putheader(name, value)
        self._connection.endheaders(body)
        response = self._connection.getresponse()
        content_type = response.headers.get("content-type", "").partition(";")[0]
        return Answer(response.status, content_type, response.headers["access-control-allow-origin"], response.read())

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def fits(self, value: Any, schema: dict[str, Any]) -> None:
        """Hold a value against a schema; every offence is told."""
        whole = {"$defs": self._client.get("definitions", {}), **schema}
        offences = [f"{error.json_path}: {error.message[:300]}" for error in Strict(whole).iter_errors(value)]
        assert offences == []

    def is_one(self, value: Any, schema: dict[str, Any]) -> bool:
        """Say whether a value fits."""
        return bool(Strict({"$defs": self._client.get("definitions", {}), **schema}).is_valid(value))


@pytest.fixture(params=CLIENTS)
def recorded(request: pytest.FixtureRequest) -> dict[str, Any]:
    """One client after another."""
    return CLIENTS[request.param]


@pytest.fixture
def session(recorded, proxy):
    """The client's connection to a running proxy."""
    session = Session(recorded, int(proxy.url.rpartition(":")[2]))
    yield session
    session.close()


def test_these_clients_are_recorded():
    assert set(CLIENTS) == {
        "continue",
        "enchanted",
        "home-assistant",
        "jetbrains",
        "obsidian-copilot",
        "vscode-copilot",
        "xcode",
        "zed",
    }


def test_every_schema_is_one(recorded):
    """A schema with a slip in it would let everything pass."""
    for schema in schemas_of(recorded):
        Strict.check_schema(schema)


@pytest.mark.parametrize("value", [{}, {"size": None}, {"size": 1.0}, {"size": True}, {"size": "1"}, {"size": -1}])
def test_an_offence_is_noticed(recorded, session, value):
    """The readers that are meant here take none of these for a length."""
    schema = {"type": "object", "required": ["size"], "properties": {"size": {"type": "integer", "minimum": 0}}}

    assert session.is_one({"size": 0}, schema) is True
    assert session.is_one(value, schema) is False


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"data: {}\n\n",  # no mark of the end
        b"data: {}\n\ndata: [DONE]\n",
        b"data: {}\n\ndata: [DONE]\n\ndata: {}\n\n",
        b"event: x\ndata: {}\n\ndata: [DONE]\n\n",
        b": comment\n\ndata: [DONE]\n\n",
        b"data: {}\ndata: {}\n\ndata: [DONE]\n\n",
        b"{}\n\ndata: [DONE]\n\n",
    ],
)
def test_a_stream_of_events_is_read_strictly(body):
    assert Answer(200, "", None, b'data: {"a": 1}\n\ndata: [DONE]\n\n').events == [{"a": 1}]
    with pytest.raises((AssertionError, ValueError)):
        Answer(200, "", None, body).events  # noqa: B018  reading it is the act


def schemas_of(recorded):
    yield from recorded.get("definitions", {}).values()
    for exchange in recorded["exchanges"]:
        answer = exchange["answer"]
        yield from (answer[place] for place in ("schema", "lines", "one_line", "events", "last") if place in answer)
        yield exchange.get("upstream", {})


def test_the_client_gets_what_it_insists_on(recorded, session, upstream):
    for exchange in recorded["exchanges"]:
        print(f"{recorded['client']}: {exchange['name']}")  # noqa: T201  shown when it fails
        before = len(upstream.chats)

        answers = [session.send(exchange["request"], each) for each in names_of(session, exchange)]

        for answer in answers:
            check(session, exchange["answer"], answer)
        check_together(exchange["answer"], answers)
        asked = upstream.chats[before:]
        assert len(asked) == exchange.get("chats", 0)
        for chat in asked:
            check_upstream(session, exchange, chat)


def names_of(session, exchange):
    return [model[exchange["each"]] for model in session.models] if "each" in exchange else [""]


def check(session, expected, answer):
    assert (answer.status, answer.content_type) == (expected["status"], expected["type"]), answer.body
    assert answer.allow_origin == expected.get("allow_origin")
    if "text" in expected:
        assert answer.body.decode() == expected["text"]
    if "schema" in expected:
        content = json.loads(answer.body)
        session.fits(content, expected["schema"])
        session.models = rows_of(content) or session.models
        if expected.get("context_length_by_architecture"):
            info = content["model_info"]
            assert f"{info['general.architecture']}.context_length" in info
    if "lines" in expected:
        check_stream(session, expected, answer.lines)
    if "events" in expected:
        check_events(session, expected, answer.events)


def rows_of(content):
    """Give the rows of a list, Ollama's or OpenAI's; None where it is no list."""
    return content.get("models", content.get("data"))


def check_stream(session, expected, lines):
    for line in lines:
        session.fits(line, expected["lines"])
    session.fits(lines[-1], expected["last"])
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    if "one_line" in expected:
        assert [session.is_one(line, expected["one_line"]) for line in lines].count(True) == 1
    if "calls" in expected:
        calls = [call for line in lines for call in line["message"].get("tool_calls", ())]
        assert [call["function"]["name"] for call in calls] == expected["calls"]


def check_events(session, expected, events):
    for event in events:
        session.fits(event, expected["events"])
    session.fits(events[-1], expected["last"])
    choices = [choice for event in events for choice in event["choices"]]
    assert [choice["finish_reason"] for choice in choices] == [None] * (len(choices) - 1) + [expected["finish"]]
    calls = [call for choice in choices for call in choice["delta"].get("tool_calls", ())]
    assert [call["function"]["name"] for call in calls] == expected.get("calls", [])


def check_together(expected, answers):
    """Check what holds of all models of a list, or of all answers to an `each`."""
    contents = [json.loads(answer.body) for answer in answers] if "schema" in expected else []
    rows = (rows_of(contents[0]) or contents) if contents else []
    for path in expected.get("different", ()):
        values = [value_at(row, path) for row in rows]
        assert len(set(values)) == len(values)
    if "same" in expected:
        one, other = expected["same"]
        assert [row[one] for row in rows] == [row[other] for row in rows]


def value_at(row, path):
    """Follow a path of names with `/` between them."""
    for name in path.split("/"):
        row = row[name]
    return row


def check_upstream(session, exchange, chat):
    # Whatever the client sent for a key: the owner's goes out, and no header of the client's.
    assert chat.headers["authorization"] == f"Bearer {DEMO_KEY}"
    assert chat.headers["user-agent"].startswith("tray-proxy/")
    session.fits(chat.body, exchange.get("upstream", {}))
    if exchange.get("results_in_order"):
        messages = chat.body["messages"]
        called = [call["id"] for message in messages for call in message.get("tool_calls", ())]
        assert [message["tool_call_id"] for message in messages if message["role"] == "tool"] == called
        assert len(set(called)) == len(called)

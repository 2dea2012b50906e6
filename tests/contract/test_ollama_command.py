"""
What the `ollama` command asks for, command by command, with the empty texts and nulls that Go writes.

Source: Ollama's `cmd/cmd.go`, `cmd/interactive.go`, `api/client.go`, `api/types.go`.
"""

import json

import pytest

MINI = "openai/gpt-4o-mini"
QWEN = "qwen/qwen3-30b-a3b"
BGE = "baai/bge-m3"
DIGEST = "sha256:" + "0a" * 32
ANSWER = "[demo] You asked openai/gpt-4o-mini: “hello”. No model was called and nothing was charged."


class Refused(Exception):
    """What the command prints behind "Error:"; `status` is None inside a stream."""

    def __init__(self, status, answer):
        super().__init__(answer["error"])
        self.status = status
        self.signin_url = answer.get("signin_url")


class Command:
    """The command, as far as it talks to a server. Each use begins with a heartbeat."""

    def __init__(self, http):
        self._http = http

    def _ask(self, method, path, body=None):
        assert self._http.head("/").status_code == 200
        answer = self._http.request(method, path, json=body)
        if answer.status_code >= 400:
            raise Refused(answer.status_code, answer.json())
        return answer

    def _read(self, path, body):
        """Read a stream line by line, as its scanner does: a line that holds an error ends it."""
        answer = self._ask("POST", path, body)
        for line in answer.content.removesuffix(b"\n").split(b"\n"):
            content = json.loads(line)
            if "error" in content:
                raise Refused(None, content)
            yield content

    def show(self, name):
        body = {"model": "", "system": "", "template": "", "verbose": False, "options": None, "name": name}
        return self._ask("POST", "/api/show", body).json()

    def pull(self, name):
        return [progress["status"] for progress in self._read("/api/pull", {"model": "", "name": name})]

    def _shown(self, name):
        """Show a model, and pull it first where it is not there."""
        try:
            return self.show(name)
        except Refused as refused:
            if refused.status != 404:
                raise
            self.pull(name)
            return self.show(name)

    def run(self, name, prompt, context=None):
        """`ollama run X prompt`; gives the last line, with the text of all lines in it."""
        shown = self._shown(name)
        if "embedding" in shown["capabilities"]:
            return self._ask("POST", "/api/embed", {"model": name, "input": prompt, "options": None}).json()
        body = {"model": name, "prompt": prompt, "suffix": "", "system": "", "template": "", "options": {}}
        if context:
            body["context"] = context
        if "thinking" in shown["capabilities"]:
            body["think"] = True
        *parts, last = self._read("/api/generate", body)
        return last | {"response": "".join(part["response"] for part in (*parts, last))}

    def load(self, name, keep_alive=None):
        """Load or, with "0s", unload: also those that run elsewhere, as it did before it knew of such models."""
        body = {"model": name, "prompt": "", "suffix": "", "system": "", "template": "", "options": None}
        return list(self._read("/api/generate", body | ({"keep_alive": keep_alive} if keep_alive else {})))

    def chat(self, name, *messages):
        body = {"model": name, "messages": list(messages), "format": "", "options": {}}
        return "".join(line["message"]["content"] for line in self._read("/api/chat", body))

    def list(self):
        """`ollama list`: name, id and size."""
        models = self._ask("GET", "/api/tags").json()["models"]
        return {m["name"]: (m["digest"][:12], "-" if m.get("remote_model") else m["size"]) for m in models}

    def running(self):
        """`ollama ps`: name and id."""
        return {m["name"]: m["digest"][:12] for m in self._ask("GET", "/api/ps").json()["models"]}

    def remove(self, name):
        """`ollama rm`: stop it, then delete it."""
        self.load(name, "0s")
        self._ask("DELETE", "/api/delete", {"model": "", "name": name})

    def copy(self, source, destination):
        self._ask("POST", "/api/copy", {"source": source, "destination": destination})

    def create(self, name, **more):
        return [progress["status"] for progress in self._read("/api/create", {"model": name, **more})]

    def upload(self, digest):
        """What `ollama create` does with a file that a Modelfile names."""
        if self._http.head(f"/api/blobs/{digest}").status_code == 404:
            answer = self._http.post(f"/api/blobs/{digest}", content=b"GGUF")
            if answer.status_code >= 400:
                raise Refused(answer.status_code, answer.json())

    def who(self):
        return self._ask("POST", "/api/me").json()

    def launch(self):
        """What `ollama launch` looks at before it sets another program up."""
        paths = ("/api/tags", "/api/status", "/api/experimental/model-recommendations")
        return [self._ask("GET", path).json() for path in paths]


@pytest.fixture
def start(proxies, tmp_path):
    """Start a proxy in this test's folder, and give the command that talks to it."""
    return lambda **settings: Command(proxies.start(tmp_path, **settings).http)


@pytest.fixture
def command(proxy):
    """The command before a proxy of which nothing is changed."""
    return Command(proxy.http)


def test_run_answers(command, upstream):
    assert command.run(MINI, "hello")["response"] == ANSWER
    assert [chat.body["messages"] for chat in upstream.chats] == [[{"role": "user", "content": "hello"}]]
    assert "reasoning" not in upstream.chats[-1].body


def test_run_in_a_pipe_goes_on_with_what_was_said(command, upstream):
    before = command.run(MINI, "hello")

    command.run(MINI, "and now?", before["context"])

    assert [message["content"] for message in upstream.chats[-1].body["messages"]] == ["hello", ANSWER, "and now?"]


def test_run_thinks_where_the_model_can(command, upstream):
    command.run("deepseek/deepseek-r1", "hello")

    assert upstream.chats[-1].body["reasoning"] == {"enabled": True}


def test_run_of_an_embedding_model_gives_its_vector(command, upstream):
    assert [len(vector) for vector in command.run(BGE, "hello")["embeddings"]] == [1024]
    assert upstream.chats == []


def test_run_pulls_what_is_not_allowed_yet(start, upstream):
    command = start(allowed_models=(MINI,))

    answer = command.run(QWEN, "hello")

    assert answer["done_reason"] == "stop"
    assert set(command.list()) == {MINI, QWEN}
    assert len(upstream.chats) == 1


@pytest.mark.parametrize("name", ["nope", "nobody/nothing:7b"])
def test_run_of_an_unknown_model_ends_with_the_words_of_its_pull(command, upstream, name):
    with pytest.raises(Refused, match=r"^pull model manifest: file does not exist$") as caught:
        command.run(name, "hello")

    assert caught.value.status is None
    assert upstream.received == []


def test_an_interactive_run_loads_for_nothing_and_chats_turn_by_turn(start, upstream):
    command = start()
    question = {"role": "user", "content": "hello"}

    [loaded] = command.load(MINI)
    before = len(upstream.chats)
    said = command.chat(MINI, question)
    command.chat(MINI, question, {"role": "assistant", "content": said}, {"role": "user", "content": "and now?"})

    assert (loaded["done_reason"], before, said) == ("load", 0, ANSWER)
    assert [len(chat.body["messages"]) for chat in upstream.chats] == [1, 3]


def test_what_runs_is_listed_by_the_same_id_until_it_is_stopped(start, upstream):
    command = start()
    command.load(MINI)
    listed, running = command.list(), command.running()

    [stopped] = command.load(MINI, "0s")

    assert running == {MINI: listed[MINI][0]}
    assert (stopped["done_reason"], command.running()) == ("unload", {})
    assert upstream.chats == []


def test_a_list_has_an_id_for_each_model_and_no_size(command):
    listed = command.list()

    assert len({digest for digest, _ in listed.values()}) == len(listed) == 17
    assert {size for _, size in listed.values()} == {"-"}
    assert {len(digest) for digest, _ in listed.values()} == {12}


@pytest.mark.parametrize("act", ["show", "load", "remove"])
def test_what_is_unknown_is_not_found(command, act):
    """The command looks for the words."""
    with pytest.raises(Refused, match="not found") as caught:
        getattr(command, act)("nope")

    assert caught.value.status == 404


def test_rm_stops_a_model_and_takes_it_off_the_list(start):
    command = start()
    command.load(MINI)

    command.remove(MINI)

    assert command.running() == {}
    assert MINI not in command.list()


def test_cp_makes_a_name_and_rm_takes_only_that(start):
    command = start()
    command.copy(MINI, "fast")
    named = set(command.list())

    command.remove("fast")

    assert named - set(command.list()) == {"fast:latest"}


def test_a_conversation_is_saved_and_taken_up_again(start, upstream):
    """`/save` names the model behind a model where it knows of one."""
    command = start()
    command.create("mine", **{"from": MINI}, system="Be brief.")
    shown = command.show("mine")
    talk = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": ANSWER}]

    saved = command.create(
        "talk", **{"from": shown["details"]["parent_model"]}, system="Be brief.", parameters={"seed": 7}, messages=talk
    )
    command.chat("talk", {"role": "user", "content": "and now?"})

    assert saved == ["writing manifest", "success"]
    assert [message["content"] for message in upstream.chats[-1].body["messages"]] == [
        "Be brief.",
        "hello",
        ANSWER,
        "and now?",
    ]
    assert upstream.chats[-1].body["seed"] == 7


def test_a_model_file_with_weights_is_refused_at_its_first_file(command):
    with pytest.raises(Refused, match="files cannot be taken: models run at OpenRouter") as caught:
        command.upload(DIGEST)

    assert caught.value.status == 400


def test_a_key_that_is_missing_is_told_with_an_address_to_go_to(start, memory_keyring):
    """At a 401 the command prints the address and nothing else."""
    command = start(openrouter_api_key=None)

    for ask in (lambda: command.run(MINI, "hello"), command.who):
        with pytest.raises(Refused) as caught:
            ask()
        assert caught.value.status == 401
        assert caught.value.signin_url.startswith("http://127.0.0.1:")


def test_launch_finds_what_it_looks_for(command):
    tags, status, recommendations = command.launch()

    assert all(model["capabilities"] and model["details"]["context_length"] > 0 for model in tags["models"])
    assert (status["cloud"]["disabled"], recommendations["recommendations"]) == (True, [])
    assert command.who()["plan"] == "pay-as-you-go"

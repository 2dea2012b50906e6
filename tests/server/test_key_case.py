"""Keys in any case, where Go's structs have fields, and nowhere else."""

import json

import msgspec
import pytest

from tray_proxy.server.key_case import KeyCase
from tray_proxy.server.nesting import outline
from tray_proxy.wire.ollama import ChatRequest, CreateRequest, GenerateRequest


def restore(body, shape=ChatRequest):
    return KeyCase(shape).restore(body, outline(body))


def restored(body):
    return json.loads(restore(json.dumps(body).encode()))


def test_a_request_in_lower_case_is_not_touched():
    body = b'{"model": "M", "messages": [{"role": "user", "content": "\\"Role\\": Model"}]}'

    assert restore(body) is body


def test_the_fields_of_a_request_are_known_in_any_case():
    assert restored({"Model": "m", "STREAM": False, "Keep_Alive": 0}) == {
        "model": "m",
        "stream": False,
        "keep_alive": 0,
    }


def test_so_are_those_of_messages_and_of_their_calls():
    body = {
        "Messages": [
            {"Role": "user", "CONTENT": "Hi", "Images": ["aGk="]},
            {"role": "assistant", "Tool_Calls": [{"ID": "x", "Function": {"Name": "f", "Arguments": {"Name": 1}}}]},
        ]
    }

    assert restored(body) == {
        "messages": [
            {"role": "user", "content": "Hi", "images": ["aGk="]},
            {"role": "assistant", "tool_calls": [{"id": "x", "function": {"name": "f", "arguments": {"Name": 1}}}]},
        ]
    }


@pytest.mark.parametrize("field", ["options", "format", "tools", "think", "keep_alive"])
def test_keys_of_the_apps_own_stay_as_they_are(field):
    """A schema's property may well be called `Content`."""
    own = {"Model": 1, "Content": {"Role": 2}, "FORMAT": [{"Stream": 3}]}

    assert restored({"Model": "m", field: own}) == {"model": "m", field: own}


def test_a_key_behind_a_picture_is_found():
    """Pictures are passed over in large pieces, and blanks may be, too."""
    body = b'{"messages": [{"role": "user", "images": ["%s"]}], "Model"%s: "m"}' % (b"x" * 900_000, b" " * 900_000)

    assert json.loads(restore(body))["model"] == "m"


def test_keys_that_nobody_knows_stay_as_they_are():
    assert restored({"Model": "m", "Novelty": 1}) == {"model": "m", "Novelty": 1}


@pytest.mark.parametrize(
    ("body", "model"),
    [
        (b'{"model": "first", "MODEL": "last"}', "last"),
        (b'{"Model": "first", "model": "last"}', "last"),
        (b'{"model": "first", "MODEL": "second", "model": "last"}', "last"),
        (b'{"Model": "first", "model": "second", "Model": "third", "MODEL": "last"}', "last"),
    ],
)
def test_the_last_of_two_spellings_counts(body, model):
    assert json.loads(restore(body)) == {"model": model}


def test_a_field_may_have_another_name_in_our_code():
    assert restore(b'{"FROM": "m"}', CreateRequest) == b'{"from":"m"}'


def test_values_are_not_written_anew():
    """Numbers keep their form, pictures their escapes."""
    body = b'{"Options": {"seed":  1.0}, "IMAGES": ["a\\/b="]}'

    assert restore(body, GenerateRequest) == b'{"options":{"seed":  1.0},"images":["a\\/b="]}'


@pytest.mark.parametrize("messages", ["null", '"Hi"', "5", "[null]", '[["Role"]]', "{}"])
def test_what_is_no_object_is_left_to_the_decoder(messages):
    body = f'{{"Model": "m", "messages": {messages}}}'.encode()

    assert json.loads(restore(body)) == {"model": "m", "messages": json.loads(messages)}


def test_what_is_no_json_is_refused():
    with pytest.raises(msgspec.DecodeError):
        restore(b'{"Model": ')

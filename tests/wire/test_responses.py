"""The shapes of OpenAI's Responses: what is read, and what always stands in an answer."""

import json
import tracemalloc
from typing import Any

import msgspec
import pytest

from tray_proxy.wire import responses as wire

RESPONSE = wire.Response(
    id="resp_1",
    created_at=1,
    model="m",
    instructions=None,
    tools=msgspec.Raw(b"[]"),
    tool_choice=msgspec.Raw(b'"auto"'),
    parallel_tool_calls=True,
    text=msgspec.Raw(b'{"format":{"type":"text"}}'),
    top_p=1.0,
    presence_penalty=0.0,
    frequency_penalty=0.0,
    top_logprobs=0,
    temperature=1.0,
    reasoning=None,
    max_output_tokens=None,
    service_tier="default",
    metadata={},
    prompt_cache_key=None,
)


def read(body: str) -> wire.ResponsesRequest:
    return msgspec.json.decode(body, type=wire.ResponsesRequest)


def written(value: object) -> dict[str, Any]:
    return json.loads(msgspec.json.encode(value))


@pytest.mark.parametrize("body", ["{}", json.dumps(dict.fromkeys(wire.ResponsesRequest.__struct_fields__))])
def test_nothing_and_null_leave_everything_open(body: str) -> None:
    assert read(body) == wire.ResponsesRequest()


def test_unknown_fields_are_passed_over() -> None:
    request = read('{"input": [{"role": "user", "content": "Hi", "phase": "x"}], "store": false, "client": {"a": 1}}')

    assert request.input == [wire.InputItem(role="user", content="Hi")]


@pytest.mark.parametrize("body", ['{"input": 5}', '{"input": ["Hi"]}', '{"tools": {}}', '{"max_output_tokens": "9"}'])
def test_wrong_types_are_refused(body: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        read(body)


@pytest.mark.parametrize(
    ("output", "read_as"),
    [
        ('"done"', "done"),
        ('[{"type": "input_text", "text": "done"}]', [wire.ContentPart(type="input_text", text="done")]),
        ('{"type": "screenshot"}', {"type": "screenshot"}),
    ],
)
def test_what_a_tool_gave_back_comes_in_three_forms(output: str, read_as: object) -> None:
    item = msgspec.json.decode(f'{{"type": "function_call_output", "output": {output}}}', type=wire.InputItem)

    assert item.output == read_as


def test_a_picture_stays_where_it_lies_in_the_request() -> None:
    """It may be megabytes long."""
    picture = '"' + "A" * 5_000_000 + '"'
    body = f'{{"input": [{{"role": "user", "content": [{{"type": "input_image", "image_url": {picture}}}]}}]}}'.encode()
    tracemalloc.start()

    request = msgspec.json.decode(body, type=wire.ResponsesRequest)

    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(request.input, list)
    assert most < 100_000


def test_every_key_of_a_response_is_always_there() -> None:
    assert list(written(RESPONSE)) == list(wire.Response.__struct_fields__)


def test_what_a_request_leaves_out_of_the_form_is_left_out_when_it_is_repeated() -> None:
    assert written(wire.Text(format=wire.TextFormat())) == {"format": {"type": "text"}}


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        (wire.ReasoningItem(id="rs_1", summary=[wire.SummaryText("Hm.")]), "reasoning"),
        (wire.MessageItem(id="msg_1", status="completed", content=[wire.OutputText(text="Hi")]), "message"),
        (
            wire.FunctionCallItem(id="fc_1", call_id="c", name="f", arguments="{}", status="completed"),
            "function_call",
        ),
        (
            wire.CustomToolCallItem(id="ctc_1", call_id="c", name="f", input="x", status="completed"),
            "custom_tool_call",
        ),
    ],
)
def test_an_item_says_of_what_type_it_is_and_holds_nothing_that_was_not_set(item: wire.OutputItem, kind: str) -> None:
    assert written(item)["type"] == kind
    assert not {"namespace", "encrypted_content"} & set(written(item))


def test_a_text_has_both_of_its_lists_even_when_they_are_empty() -> None:
    assert written(wire.OutputText(text="")) == {"type": "output_text", "text": "", "annotations": [], "logprobs": []}


def test_an_event_begins_with_its_type_and_number() -> None:
    event = wire.SummaryDelta(sequence_number=3, item_id="rs_1", output_index=0, delta="Hm")

    assert list(written(event).items())[:2] == [
        ("type", "response.reasoning_summary_text.delta"),
        ("sequence_number", 3),
    ]

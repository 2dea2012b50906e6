"""An answer's chunks in, what they say and how it ended out. The clock counts in single nanoseconds here."""

from typing import Any

import msgspec
import pytest

from tray_proxy.errors import UpstreamError
from tray_proxy.translate.stream import Call, Delta, Finish, Outcome, ReplyStream, Turn, parse_arguments
from tray_proxy.wire.openrouter import CompletionChunk, CompletionTokens, PromptTokens, TokenLogprob, Usage


def chunk(finish: str | None = None, usage: dict[str, Any] | None = None, **delta: Any) -> CompletionChunk:
    """Read a chunk as the client does."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return msgspec.convert({"id": "gen-1", "choices": [choice], "usage": usage}, CompletionChunk)


def usage_chunk(prompt_tokens: int | None, completion_tokens: int | None, **more: Any) -> CompletionChunk:
    usage = {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens, **more}
    return msgspec.convert({"choices": [], "usage": usage}, CompletionChunk)


def piece(index: int | None = 0, call_id: str | None = None, **function: str | None) -> dict[str, Any]:
    return {"index": index, "id": call_id, "type": "function", "function": function}


def said(*chunks: CompletionChunk) -> list[Delta]:
    """Everything that an answer of these chunks says."""
    reply = ReplyStream(0)
    deltas = [delta for each in chunks for delta in reply.feed(each, 1)]
    left, _ = reply.finish(2, marked=True)
    return deltas + left


def outcome(*chunks: CompletionChunk) -> Outcome:
    reply = ReplyStream(0)
    for each in chunks:
        reply.feed(each, 1)
    return reply.finish(2, marked=True)[1]


def test_text_comes_out_piece_by_piece() -> None:
    assert said(chunk(content="Good "), chunk(content="morning")) == [Delta("Good "), Delta("morning")]


@pytest.mark.parametrize(
    "nothing",
    [
        chunk(),
        chunk(content=""),
        chunk(content=None, reasoning=None, reasoning_details=None, tool_calls=None),
        chunk(role="assistant", content="", reasoning=""),
        CompletionChunk(),
        CompletionChunk(choices=[]),
    ],
)
def test_a_chunk_that_says_nothing_gives_nothing(nothing: CompletionChunk) -> None:
    """An empty line would only make clients draw again."""
    assert said(nothing) == []


def test_an_end_may_come_without_a_delta() -> None:
    choice = {"index": 0, "finish_reason": "length"}

    assert outcome(msgspec.convert({"choices": [choice]}, CompletionChunk)).finishes == {0: Finish("length")}


def test_text_and_end_may_share_a_chunk() -> None:
    assert said(chunk("stop", content="Bye")) == [Delta("Bye")]


def test_reasoning_is_kept_apart_from_the_text() -> None:
    assert said(chunk(reasoning="Hm. "), chunk(content="Yes.")) == [Delta(thinking="Hm. "), Delta("Yes.")]


def test_reasoning_in_both_forms_is_said_once() -> None:
    """OpenRouter sends the same text twice."""
    both = chunk(reasoning="Hm.", reasoning_details=[{"type": "reasoning.text", "text": "Hm."}])

    assert said(both) == [Delta(thinking="Hm.")]


def test_reasoning_in_its_long_form_alone_is_said_too() -> None:
    details = [
        {"type": "reasoning.summary", "summary": "First, "},
        {"type": "reasoning.encrypted", "data": "c2VjcmV0"},
        {"type": None, "text": "then.", "summary": None},
    ]

    assert said(chunk(reasoning="", reasoning_details=details)) == [Delta(thinking="First, then.")]


def test_likelihoods_go_with_their_text() -> None:
    token = {"token": "Hi", "logprob": -0.1, "bytes": [72, 105], "top_logprobs": []}
    choice = {"delta": {"content": "Hi"}, "logprobs": {"content": [token]}}

    deltas = said(msgspec.convert({"choices": [choice]}, CompletionChunk))

    assert deltas == [Delta("Hi", logprobs=(TokenLogprob("Hi", -0.1, [72, 105], []),))]


def test_likelihoods_without_a_text_are_told_and_counted() -> None:
    """A token may be a part of a character, whose text comes with the next one."""
    token = {"token": "", "logprob": -0.1, "bytes": [240]}
    alone = msgspec.convert(
        {"choices": [{"delta": {"content": ""}, "logprobs": {"content": [token]}}]}, CompletionChunk
    )

    assert said(alone) == [Delta(logprobs=(TokenLogprob("", -0.1, [240]),))]
    assert outcome(alone, chunk("stop", content="a")).completion_tokens == 2


@pytest.mark.parametrize("likelihoods", [None, {}, {"content": None}, {"content": []}])
def test_no_likelihoods_have_several_forms(likelihoods: dict[str, Any] | None) -> None:
    choice = {"delta": {"content": "Hi"}, "logprobs": likelihoods}

    assert said(msgspec.convert({"choices": [choice]}, CompletionChunk)) == [Delta("Hi")]


def test_a_call_is_given_whole() -> None:
    """Ollama never splits one, and arguments are an object there."""
    deltas = said(
        chunk(tool_calls=[piece(0, "call_1", name="weather", arguments="")]),
        chunk(tool_calls=[piece(0, arguments='{"city": ')]),
        chunk(tool_calls=[piece(0, None, name=None, arguments='"Oslo", "days": 2}')]),
        chunk("tool_calls"),
    )

    assert deltas == [Delta(calls=(Call(0, "call_1", "weather", {"city": "Oslo", "days": 2}),))]


def test_parallel_calls_are_told_apart_by_index() -> None:
    """Their fragments may arrive mixed; they come out in the order of their indexes, numbered from 0."""
    deltas = said(
        chunk(tool_calls=[piece(2, "call_b", name="time", arguments="{")]),
        chunk(tool_calls=[piece(1, "call_a", name="weather", arguments='{"city":'), piece(2, arguments="}")]),
        chunk("tool_calls", tool_calls=[piece(1, arguments='"Oslo"}')]),
    )

    assert deltas == [
        Delta(calls=(Call(0, "call_a", "weather", {"city": "Oslo"}),)),
        Delta(calls=(Call(1, "call_b", "time", {}),)),
    ]


def test_text_comes_before_the_calls_of_the_same_chunk() -> None:
    deltas = said(chunk("tool_calls", content="Let me look.", tool_calls=[piece(0, "call_1", name="now")]))

    assert deltas == [Delta("Let me look."), Delta(calls=(Call(0, "call_1", "now", {}),))]


def test_a_call_without_an_index_is_the_first() -> None:
    deltas = said(chunk("tool_calls", tool_calls=[piece(None, "call_1", name="now", arguments="{}")]))

    assert deltas == [Delta(calls=(Call(0, "call_1", "now", {}),))]


def test_a_call_without_an_index_comes_before_those_with_one() -> None:
    pieces = [piece(1, "b", name="g"), piece(None, "a", name="f")]

    assert said(chunk("tool_calls", tool_calls=pieces)) == [
        Delta(calls=(Call(0, "a", "f", {}),)),
        Delta(calls=(Call(1, "b", "g", {}),)),
    ]


def test_calls_still_open_when_the_stream_ends_are_given_at_the_end() -> None:
    reply = ReplyStream(0)
    reply.feed(chunk(tool_calls=[piece(0, "call_1", name="now")]), 1)

    left, _ = reply.finish(2, marked=True)

    assert left == [Delta(calls=(Call(0, "call_1", "now", {}),))]


def test_calls_after_the_end_go_on_counting() -> None:
    deltas = said(
        chunk("tool_calls", tool_calls=[piece(0, "call_1", name="now")]),
        chunk(tool_calls=[piece(0, "call_2", name="then")]),
    )

    assert deltas == [Delta(calls=(Call(0, "call_1", "now", {}),)), Delta(calls=(Call(1, "call_2", "then", {}),))]


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("", {}),
        (" \n", {}),
        ("{}", {}),
        ('{"b": 1, "a": [null]}', {"b": 1, "a": [None]}),
        ('{"city": "Os', {"_unparsed": '{"city": "Os'}),
        ("[1, 2]", {"_unparsed": "[1, 2]"}),
        ('"Oslo"', {"_unparsed": '"Oslo"'}),
        ("null", {"_unparsed": "null"}),
        ("[" * 100_000, {"_unparsed": "[" * 100_000}),
    ],
)
def test_arguments_that_are_no_object_are_shown_as_they_are(text: str, arguments: dict[str, object]) -> None:
    """Dropped ones would have the app call its tool with nothing."""
    assert parse_arguments(text) == arguments


@pytest.mark.parametrize(
    ("finish", "done_reason"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("tool_calls", "stop"),
        ("content_filter", "stop"),
        ("something new", "stop"),
    ],
)
def test_ollama_knows_two_reasons_for_an_end(finish: str, done_reason: str) -> None:
    assert outcome(chunk(finish, content="Hi")).done_reason == done_reason


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param([chunk("stop", content="Hi"), usage_chunk(12, 34, cost=0.5)], id="in a chunk of its own"),
        pytest.param([chunk("stop", {"prompt_tokens": 12, "completion_tokens": 34, "cost": 0.5})], id="with the end"),
        pytest.param([usage_chunk(1, 1), usage_chunk(12, 34, cost=0.5), chunk("stop")], id="growing"),
    ],
)
def test_tokens_and_cost_are_openrouters(chunks: list[CompletionChunk]) -> None:
    result = outcome(*chunks)

    assert (result.prompt_tokens, result.completion_tokens, result.cost_usd) == (12, 34, 0.5)


@pytest.mark.parametrize(
    ("chunks", "tokens"),
    [
        ([], (1, 1)),
        ([chunk("stop")], (1, 1)),
        ([chunk(reasoning="a"), chunk("tool_calls", tool_calls=[piece(0, "call_1", name="now")])], (1, 2)),
        ([chunk(content="a"), chunk(content="b"), chunk("stop", content="c")], (1, 3)),
        ([chunk("stop"), usage_chunk(None, None)], (1, 1)),
        ([chunk("stop"), usage_chunk(0, 0)], (1, 1)),
    ],
)
def test_without_usage_the_counts_are_the_least_that_can_be_true(
    chunks: list[CompletionChunk], tokens: tuple[int, int]
) -> None:
    """Clients divide by them."""
    result = outcome(*chunks)

    assert (result.prompt_tokens, result.completion_tokens, result.cost_usd) == (*tokens, None)


def test_durations_are_read_off_the_clock() -> None:
    reply = ReplyStream(100)
    reply.opened(130)
    reply.feed(chunk(role="assistant", content=""), 150)  # says nothing: the first token is still to come
    reply.feed(chunk(content="Hi"), 200)
    reply.feed(chunk("stop", content="!"), 290)
    _, result = reply.finish(300, marked=True)

    assert (result.load_ns, result.prompt_eval_ns, result.eval_ns, result.total_ns) == (30, 70, 100, 200)
    assert (reply.opened_s, reply.first_s) == (30e-9, 100e-9)


def test_what_has_not_come_yet_took_no_known_time() -> None:
    """A client may leave before the first word."""
    reply = ReplyStream(100)

    assert (reply.opened_s, reply.first_s, reply.usage) == (None, None, Usage())


def test_a_call_counts_from_its_first_piece() -> None:
    """Else its tokens would seem to have come in no time."""
    reply = ReplyStream(0)
    reply.opened(10)
    reply.feed(chunk(tool_calls=[piece(0, "call_1", name="now")]), 40)
    reply.feed(chunk("tool_calls", tool_calls=[piece(0, arguments="{}")]), 90)
    _, result = reply.finish(100, marked=True)

    assert (result.load_ns, result.prompt_eval_ns, result.eval_ns) == (10, 30, 60)


@pytest.mark.parametrize(
    ("opened", "first", "end"),
    [(None, None, 0), (0, 0, 0), (None, None, 9), (9, None, 9), (None, 9, 9), (9, 9, 9), (5, 2, 9), (20, 30, 9)],
)
def test_every_duration_is_positive_and_the_parts_make_the_whole(
    opened: int | None, first: int | None, end: int
) -> None:
    """AnythingLLM divides by them, also where an answer came in no measurable time."""
    reply = ReplyStream(0)
    if opened is not None:
        reply.opened(opened)
    if first is not None:
        reply.feed(chunk(content="Hi"), first)
    _, result = reply.finish(end, marked=True)

    parts = (result.load_ns, result.prompt_eval_ns, result.eval_ns)
    assert min(parts) > 0
    assert sum(parts) == result.total_ns


@pytest.mark.parametrize("chunks", [[], [chunk(content="The answer is")], [chunk(), usage_chunk(1, 2)]])
def test_an_answer_that_was_cut_must_not_look_complete(chunks: list[CompletionChunk]) -> None:
    reply = ReplyStream(0)
    for each in chunks:
        reply.feed(each, 1)

    with pytest.raises(UpstreamError) as caught:
        reply.finish(2, marked=False)

    assert (caught.value.status, caught.value.message) == (
        502,
        "The answer broke off: OpenRouter ended the stream before the answer was complete.",
    )


@pytest.mark.parametrize(("finish", "marked"), [("stop", False), (None, True), ("stop", True)])
def test_either_sign_of_the_end_will_do(finish: str | None, marked: bool) -> None:
    """Some gateways lose the mark, some models the reason."""
    reply = ReplyStream(0)
    reply.feed(chunk(finish, content="Hi"), 1)

    left, result = reply.finish(2, marked=marked)

    assert (left, result.done_reason) == ([], "stop")


def test_calls_that_share_an_index_are_told_apart_by_their_ids() -> None:
    """Some providers number every call 0."""
    first, second = piece(0, "a", name="f", arguments="{}"), piece(0, "b", name="g", arguments='{"x":1}')

    assert said(chunk(tool_calls=[first]), chunk("tool_calls", tool_calls=[second])) == [
        Delta(calls=(Call(0, "a", "f", {}),)),
        Delta(calls=(Call(1, "b", "g", {"x": 1}),)),
    ]


@pytest.mark.parametrize("ids", [("a", "a", "a"), (None, "a", None), (None, None, "a"), ("a", None, "")])
def test_pieces_of_one_index_are_one_call_wherever_the_id_stands(ids: tuple[str | None, ...]) -> None:
    """Some providers repeat it with each piece, others tell it late."""
    first, second, third = ids

    deltas = said(
        chunk(tool_calls=[piece(0, first, name="f")]),
        chunk(tool_calls=[piece(0, second, arguments='{"x":')]),
        chunk("tool_calls", tool_calls=[piece(0, third, arguments="1}")]),
    )

    assert deltas == [Delta(calls=(Call(0, "a", "f", {"x": 1}),))]


def test_a_call_without_a_name_is_shown_and_can_go_back() -> None:
    """OpenRouter takes no empty name in the history; the app's tool loop then says what is wrong."""
    deltas = said(chunk("tool_calls", tool_calls=[piece(0, "call_1", name="", arguments='{"x":1}')]))

    assert deltas == [Delta(calls=(Call(0, "call_1", "_unnamed", {"x": 1}),))]


@pytest.mark.parametrize(
    ("said_of_it", "call"),
    [
        (piece(0, "call_1"), Call(0, "call_1", "_unnamed", {})),
        (piece(0, None, arguments='{"x":1}'), Call(0, "call_a2a855e7", "_unnamed", {"x": 1})),
    ],
    ids=["an id", "arguments"],
)
def test_whatever_is_said_of_a_call_makes_it_one(said_of_it: dict[str, Any], call: Call) -> None:
    assert said(chunk("tool_calls", tool_calls=[said_of_it])) == [Delta(calls=(call,))]


def test_a_call_that_was_opened_and_left_empty_is_none() -> None:
    deltas = said(chunk("stop", tool_calls=[piece(0, None, name="", arguments=""), {"index": 1}]))

    assert deltas == []


def test_a_call_without_an_id_or_with_one_twice_is_given_one() -> None:
    """The same for the same answer: an app may ask for it again."""
    pieces = [piece(0, "a", name="f"), piece(1, "a", name="g"), piece(2, None, name="h")]

    deltas = said(chunk("tool_calls", tool_calls=pieces))

    assert [(call.id, call.name) for delta in deltas for call in delta.calls] == [
        ("a", "f"),
        ("call_a217e89f", "g"),
        ("call_239f15c1", "h"),
    ]


def test_an_id_that_is_made_up_depends_on_the_answers_own_whichever_chunk_had_it() -> None:
    """Some chunks have none."""
    nameless = [{"index": 0, "delta": {"tool_calls": [piece(0, None, name="f")]}}]
    first = msgspec.convert({"id": "gen-1", "choices": nameless}, CompletionChunk)
    none = msgspec.convert({"choices": nameless}, CompletionChunk)

    ids = [delta.calls[0].id for chunks in ((first, usage_chunk(1, 1)), (none,)) for delta in said(*chunks)]
    assert ids == ["call_a2a855e7", "call_f00d9ca0"]


def test_two_calls_of_one_tool_are_two() -> None:
    pieces = [piece(0, "a", name="f", arguments="{}"), piece(1, "b", name="f", arguments="{}")]

    assert said(chunk(tool_calls=pieces), chunk("tool_calls")) == [
        Delta(calls=(Call(0, "a", "f", {}),)),
        Delta(calls=(Call(1, "b", "f", {}),)),
    ]


def test_the_order_of_arguments_is_kept() -> None:
    (delta,) = said(chunk("tool_calls", tool_calls=[piece(0, "a", name="f", arguments='{"z":1,"a":2,"m":3}')]))

    assert list(delta.calls[0].arguments) == ["z", "a", "m"]


STOPS = ["one", "two", "three", "four", "###"]


def watched(*chunks: CompletionChunk) -> tuple[list[Delta], ReplyStream]:
    """What an answer says while stop strings are watched for."""
    reply = ReplyStream(0)
    reply.watch_for(STOPS)
    return [delta for each in chunks for delta in reply.feed(each, 1)], reply


def test_an_answer_ends_before_a_watched_stop() -> None:
    deltas, reply = watched(chunk(content="Good #"), chunk(content="##"), chunk(content=" night"))

    assert (deltas, reply.stopped) == ([Delta("Good ")], True)


@pytest.mark.parametrize(
    "after",
    [
        chunk(content="more"),
        chunk(reasoning="Hm."),
        chunk("tool_calls", tool_calls=[piece(0, "call_1", name="now", arguments="{}")]),
    ],
    ids=["text", "thought", "call"],
)
def test_nothing_is_said_after_a_watched_stop(after: CompletionChunk) -> None:
    """It came in the same bytes, or belongs to one of several answers."""
    deltas, reply = watched(chunk(content="Good ###"), after)

    assert deltas + reply.finish(9, marked=True)[0] == [Delta("Good ")]


def test_a_stopped_answer_is_whole_without_any_sign_of_its_end() -> None:
    _, reply = watched(chunk(content="Good "), chunk(content="###"))
    left, result = reply.finish(9, marked=False)

    parts = (result.load_ns, result.prompt_eval_ns, result.eval_ns)
    assert (left, result.done_reason, result.prompt_tokens, result.completion_tokens) == ([], "stop", 1, 2)
    assert (min(parts) > 0, sum(parts)) == (True, 9)


def test_usage_that_came_with_the_stop_counts() -> None:
    _, reply = watched(chunk(content="###"), chunk("stop", content="more"), usage_chunk(12, 34, cost=0.5))
    _, result = reply.finish(9, marked=False)

    assert (result.prompt_tokens, result.completion_tokens, result.cost_usd) == (12, 34, 0.5)


@pytest.mark.parametrize("end", [chunk("stop"), chunk("length"), chunk("stop", content="")])
def test_text_that_was_held_back_comes_when_the_answer_ends(end: CompletionChunk) -> None:
    deltas, _ = watched(chunk(content="Good #"), end)

    assert deltas == [Delta("Good "), Delta("#")]


def test_text_that_was_held_back_comes_before_the_calls() -> None:
    deltas, _ = watched(chunk(content="#"), chunk("tool_calls", tool_calls=[piece(0, "call_1", name="now")]))

    assert deltas == [Delta("#"), Delta(calls=(Call(0, "call_1", "now", {}),))]


def test_text_that_was_held_back_comes_when_the_stream_ends_without_a_reason() -> None:
    _, reply = watched(chunk(content="#"))

    assert reply.finish(9, marked=True)[0] == [Delta("#")]


def test_text_that_was_held_back_can_be_had_when_the_answer_breaks_off() -> None:
    _, reply = watched(chunk(content="#"))

    assert (reply.release(), reply.release()) == ([Delta("#")], [])


def test_thinking_is_not_searched() -> None:
    deltas, reply = watched(chunk(reasoning="one ### two"), chunk("stop", content="Yes."))

    assert (deltas, reply.stopped) == ([Delta(thinking="one ### two"), Delta("Yes.")], False)


def test_thinking_in_the_chunk_of_the_stop_is_kept() -> None:
    deltas, _ = watched(chunk(reasoning="Hm.", content="###"))

    assert deltas == [Delta(thinking="Hm.")]


def test_calls_that_were_complete_before_the_stop_are_kept() -> None:
    """And half a call is none."""
    deltas, _ = watched(
        chunk(tool_calls=[piece(0, "a", name="f", arguments='{"x":1}'), piece(1, "b", name="g", arguments='{"y":')]),
        chunk(tool_calls=[piece(2, "c", name="h", arguments="")]),
        chunk(content="Bye.###"),
    )

    assert deltas == [Delta("Bye."), Delta(calls=(Call(0, "a", "f", {"x": 1}),))]


def test_a_call_whose_pieces_had_come_before_the_stop_is_kept() -> None:
    deltas, _ = watched(
        chunk(tool_calls=[piece(0, "a", name="f", arguments='{"x":')]),
        chunk(tool_calls=[piece(0, arguments="1}")]),
        chunk(content="###"),
    )

    assert deltas == [Delta(calls=(Call(0, "a", "f", {"x": 1}),))]


def test_without_stops_to_watch_nothing_is_held_back() -> None:
    reply = ReplyStream(0)
    reply.watch_for([])

    assert reply.feed(chunk(content="one ##"), 1) == [Delta("one ##")]


def test_where_nothing_is_watched_for_nothing_stops() -> None:
    reply = ReplyStream(0)
    reply.feed(chunk(content="one ###"), 1)

    assert reply.stopped is False


def test_all_that_was_said_is_known_at_the_end() -> None:
    """For knowing the turn again; the text of a thought is delivered once, and kept with its signature."""
    reply = ReplyStream(0)
    detail = {"type": "reasoning.text", "index": 0}
    deltas = reply.feed(chunk(reasoning="H", reasoning_details=[detail | {"text": "H"}]), 1)
    deltas += reply.feed(chunk(reasoning="m.", reasoning_details=[detail | {"text": "m."}]), 1)
    deltas += reply.feed(chunk(reasoning_details=[detail | {"signature": "c2ln"}]), 1)
    deltas += reply.feed(chunk(content="Let me "), 1)
    deltas += reply.feed(chunk("tool_calls", content="look.", tool_calls=[piece(0, "call_1", name="now")]), 1)

    call = Call(0, "call_1", "now", {})
    assert reply.turn() == Turn("Let me look.", (call,), [detail | {"text": "Hm.", "signature": "c2ln"}])
    assert deltas == [
        Delta(thinking="H"),
        Delta(thinking="m."),
        Delta("Let me "),
        Delta("look."),
        Delta(calls=(call,)),
    ]


def test_a_turn_says_only_what_the_app_was_given() -> None:
    _, reply = watched(chunk(content="Good ###"))

    assert reply.turn() == Turn("Good ", (), [])


# -- how it ended ----------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["stop", "length", "tool_calls", "content_filter", "something new"])
def test_openrouters_reason_is_kept_beside_ollamas(reason: str) -> None:
    """Other dialects know more of them."""
    assert outcome(chunk(reason, content="Hi")).finishes == {0: Finish(reason, None)}


def test_an_answer_without_a_reason_stopped() -> None:
    assert outcome(chunk(content="Hi")).finishes == {0: Finish("stop", None)}


def test_an_answer_without_a_chunk_is_one_that_stopped() -> None:
    assert outcome().finishes == {0: Finish("stop", None)}


@pytest.mark.parametrize(
    ("native", "stop"), [("stop_sequence", ""), ("end_turn", None), ("stop", None), (None, None), ("", None)]
)
def test_anthropics_own_word_tells_that_it_was_a_stop_string(native: str | None, stop: str | None) -> None:
    """But not which of them."""
    choice = {"index": 0, "delta": {}, "finish_reason": "stop", "native_finish_reason": native}

    ended = outcome(msgspec.convert({"choices": [choice]}, CompletionChunk))

    assert ended.finishes == {0: Finish("stop", stop)}


def test_a_watched_stop_is_named() -> None:
    _, reply = watched(chunk(content="Good ##"), chunk("length", content="# night"))

    assert reply.finish(9, marked=False)[1].finishes == {0: Finish("stop", "###")}


def test_a_reason_that_comes_after_a_watched_stop_changes_nothing() -> None:
    _, reply = watched(chunk(content="###"), chunk("length"))

    ended = reply.finish(9, marked=True)[1]
    assert (ended.done_reason, ended.finishes) == ("stop", {0: Finish("stop", "###")})


def test_where_no_watched_stop_came_the_reason_is_openrouters() -> None:
    _, reply = watched(chunk(content="Good ##"), chunk("length"))

    assert reply.finish(9, marked=True)[1].finishes == {0: Finish("length", None)}


def test_usage_is_kept_whole() -> None:
    usage = usage_chunk(
        12,
        34,
        cost=0.5,
        prompt_tokens_details={"cached_tokens": 5, "cache_write_tokens": 6, "audio_tokens": 0},
        completion_tokens_details={"reasoning_tokens": 7},
    )

    assert outcome(chunk("stop"), usage).usage == Usage(12, 34, 0.5, PromptTokens(5, 6), CompletionTokens(7))


def test_without_usage_none_is_made_up() -> None:
    assert outcome(chunk("stop", content="Hi")).usage == Usage()


# -- several answers -------------------------------------------------------------------------------


def of(index: int | None, finish: str | None = None, **delta: Any) -> dict[str, Any]:
    """A choice of a chunk."""
    return {"index": index, "delta": delta, "finish_reason": finish}


def several(*choices: dict[str, Any]) -> CompletionChunk:
    return msgspec.convert({"id": "gen-1", "choices": list(choices)}, CompletionChunk)


def test_several_answers_are_told_apart() -> None:
    """Whether they come in one chunk or each in its own."""
    deltas = said(several(of(0, content="a"), of(1, content="b")), several(of(1, content="B")), several(of(0, "stop")))

    assert deltas == [Delta("a"), Delta("b", choice=1), Delta("B", choice=1)]


def test_a_choice_without_a_number_is_the_first() -> None:
    assert said(several(of(None, "stop", content="a"))) == [Delta("a")]


def test_each_answer_ends_for_its_own_reason_and_the_first_ones_is_ollamas() -> None:
    result = outcome(several(of(1, "length", content="b")), several(of(0, "content_filter", content="a")))

    assert list(result.finishes.items()) == [(0, Finish("content_filter")), (1, Finish("length"))]
    assert result.done_reason == "stop"


def test_ollamas_reason_is_the_first_answers_alone() -> None:
    assert outcome(several(of(1, "stop")), several(of(0, "length"))).done_reason == "length"


def test_the_calls_of_several_answers_do_not_mix() -> None:
    deltas = said(
        several(of(0, tool_calls=[piece(0, "a", name="f")]), of(1, tool_calls=[piece(0, "b", name="g")])),
        several(of(0, tool_calls=[piece(0, arguments='{"x":1}')]), of(1, tool_calls=[piece(0, arguments='{"y":2}')])),
        several(of(0, "tool_calls"), of(1, "tool_calls")),
    )

    assert deltas == [
        Delta(calls=(Call(0, "a", "f", {"x": 1}),)),
        Delta(calls=(Call(0, "b", "g", {"y": 2}),), choice=1),
    ]


def test_calls_still_open_at_the_end_are_given_for_each_answer() -> None:
    reply = ReplyStream(0)
    reply.feed(several(of(1, tool_calls=[piece(0, "b", name="g")]), of(0, tool_calls=[piece(0, "a", name="f")])), 1)

    left, _ = reply.finish(2, marked=True)

    assert sorted(left, key=lambda delta: delta.choice) == [
        Delta(calls=(Call(0, "a", "f", {}),)),
        Delta(calls=(Call(0, "b", "g", {}),), choice=1),
    ]


def test_ids_that_are_made_up_differ_between_answers() -> None:
    nameless = [piece(0, None, name="f")]

    deltas = said(several(of(0, "tool_calls", tool_calls=nameless), of(1, "tool_calls", tool_calls=nameless)))

    assert [(delta.choice, delta.calls[0].id) for delta in deltas] == [(0, "call_a2a855e7"), (1, "call_fcba3967")]


def test_likelihoods_go_with_the_answer_they_belong_to() -> None:
    token = {"token": "Hi", "logprob": -0.1}
    choice = of(1, "stop", content="Hi") | {"logprobs": {"content": [token]}}

    assert said(several(of(0, "stop", content="Ho"), choice)) == [
        Delta("Ho"),
        Delta("Hi", logprobs=(TokenLogprob("Hi", -0.1),), choice=1),
    ]


def watched_twice(*chunks: CompletionChunk) -> tuple[list[Delta], ReplyStream]:
    """What two answers say while stop strings are watched for."""
    reply = ReplyStream(0)
    reply.watch_for(STOPS, choices=2)
    return [delta for each in chunks for delta in reply.feed(each, 1)], reply


def test_a_stop_ends_one_of_several_answers_and_the_others_go_on() -> None:
    deltas, reply = watched_twice(
        several(of(0, content="a #"), of(1, content="b")),
        several(of(0, content="##"), of(1, content="#")),
        several(of(0, content="more"), of(1, content=" B")),
        several(of(0, "stop"), of(1, "length")),
    )
    left, result = reply.finish(9, marked=True)

    assert (reply.stopped, left) == (False, [])
    assert deltas == [Delta("a "), Delta("b", choice=1), Delta("# B", choice=1)]
    assert result.finishes == {0: Finish("stop", "###"), 1: Finish("length", None)}


def test_what_was_held_back_comes_for_each_answer() -> None:
    _, reply = watched_twice(several(of(0, content="a#"), of(1, content="b##")))

    assert reply.release() == [Delta("#"), Delta("##", choice=1)]


def test_one_answer_that_was_cut_makes_all_of_it_incomplete() -> None:
    reply = ReplyStream(0)
    reply.feed(several(of(0, "stop", content="a"), of(1, content="b")), 1)

    with pytest.raises(UpstreamError):
        reply.finish(2, marked=False)


def test_of_several_answers_the_first_is_the_turn() -> None:
    """An app that asks for several keeps that one, or none."""
    detail = {"type": "reasoning.text", "index": 0}
    reply = ReplyStream(0)
    reply.feed(
        several(
            of(1, "stop", content="b", reasoning_details=[detail | {"text": "B."}]),
            of(0, "stop", content="a", reasoning_details=[detail | {"text": "A."}]),
        ),
        1,
    )

    assert reply.turn() == Turn("a", (), [detail | {"text": "A."}])


def test_what_has_come_is_about_so_many_tokens() -> None:
    """Of an answer that is cut nobody tells how many; some providers send many of them in a piece."""
    stream = ReplyStream(0)
    assert stream.said_tokens() == 0

    for each in (chunk(reasoning="hm"), chunk(content="a"), chunk(content="b")):
        stream.feed(each, 1)
    assert stream.said_tokens() == 3

    stream.feed(chunk(content="x" * 400), 1)
    assert stream.said_tokens() == 100

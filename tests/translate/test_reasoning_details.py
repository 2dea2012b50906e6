"""What a model thought: put together from a stream, and known again when its turn comes back."""

from typing import Any

import msgspec
import pytest

from tray_proxy.translate.reasoning_details import (
    Details,
    Keys,
    Place,
    place_after,
    recall_nothing,
    text_of,
    turn_keys,
)
from tray_proxy.wire.openrouter import ImagePart, ImageUrl, Message, TextPart


def gathered(*chunks: object) -> list[dict[str, Any]]:
    details = Details()
    for chunk in chunks:
        details.add(chunk)
    return details.whole()


def thought(text: str | None = None, index: int | None = 0, **more: Any) -> dict[str, Any]:
    detail = {"type": "reasoning.text", "text": text, "index": index, **more}
    return {name: value for name, value in detail.items() if value is not None}


def test_pieces_of_one_thought_are_put_together_and_signed_at_the_end() -> None:
    """As Claude's arrive."""
    whole = gathered(
        [thought("Let me ", format="anthropic-claude-v1")],
        [thought("see.", format="anthropic-claude-v1")],
        [thought(signature="c2ln", format="anthropic-claude-v1")],
    )

    assert whole == [thought("Let me see.", format="anthropic-claude-v1", signature="c2ln")]


def test_a_later_signature_wins_and_an_empty_one_does_not() -> None:
    whole = gathered([thought("a", signature="old")], [thought(signature="new")], [thought("b", signature="")])

    assert whole == [thought("ab", signature="new")]


def test_fields_that_are_new_to_us_are_kept_as_they_are() -> None:
    whole = gathered([thought("a", novelty={"n": 1})], [thought("b")], [thought("c", other=[1.5, None])])

    assert whole == [thought("abc", novelty={"n": 1}, other=[1.5, None])]


def test_the_order_in_which_thoughts_began_is_kept() -> None:
    """Pieces of two may arrive mixed."""
    whole = gathered(
        [thought("b1", 1), thought("a1", 0)],
        [{"type": "reasoning.encrypted", "data": "x", "index": 0}],
        [thought("a2", 0)],
        [thought("b2", 1)],
    )

    assert whole == [
        thought("b1b2", 1),
        thought("a1a2", 0),
        {"type": "reasoning.encrypted", "data": "x", "index": 0},
    ]


def test_the_same_index_with_another_id_is_another_detail() -> None:
    """Gemini numbers what it encrypts for each call 0."""
    first = {"type": "reasoning.encrypted", "data": "x", "id": "call_1", "index": 0}
    second = {"type": "reasoning.encrypted", "data": "y", "id": "call_2", "index": 0}

    assert gathered([first], [second]) == [first, second]


def test_an_id_may_be_missing_in_later_pieces_or_come_late() -> None:
    summary = {"type": "reasoning.summary", "index": 0}

    whole = gathered(
        [summary | {"summary": "a"}], [summary | {"summary": "b", "id": "rs_1"}], [summary | {"summary": "c"}]
    )

    assert whole == [summary | {"summary": "abc", "id": "rs_1"}]


def test_a_thought_without_an_index_goes_on_only_while_nothing_comes_between() -> None:
    whole = gathered([thought("a", None)], [thought("b", None)], [thought("c", 0)], [thought("d", None)])

    assert whole == [thought("ab", None), thought("cd", 0)]


def test_what_is_encrypted_is_never_put_together_without_an_index() -> None:
    """Two of them make no third."""
    first, second = ({"type": "reasoning.encrypted", "data": data} for data in "xy")

    assert gathered([first], [second]) == [first, second]


def test_a_null_does_not_erase_what_was_said() -> None:
    whole = gathered([{"type": "reasoning.text", "text": None, "id": None, "index": 0}], [thought("a")], [thought()])

    assert whole == [{"type": "reasoning.text", "text": "a", "id": None, "index": 0}]


@pytest.mark.parametrize("nothing", [None, [], {}, "thinking", 5, [None, "x", 5, []]])
def test_what_is_no_list_of_details_is_passed_over(nothing: object) -> None:
    """It must not cost the answer."""
    assert (gathered(nothing), text_of(nothing)) == ([], "")


def test_a_detail_of_no_known_type_is_kept_too() -> None:
    odd = [{"type": ["?"], "index": "first", "text": "a"}, {}]

    assert gathered(odd) == odd


@pytest.mark.parametrize(
    ("details", "text"),
    [
        ([thought("a"), thought("b")], "ab"),
        ([{"summary": "a"}, {"text": "", "summary": "b"}], "ab"),
        ([{"type": "reasoning.encrypted", "data": "x"}, thought()], ""),
        ([{"text": 5}], ""),
    ],
)
def test_what_can_be_read_of_details_is_text_and_summary(details: list[dict[str, Any]], text: str) -> None:
    assert text_of(details) == text


CALL = ("call_1", "now", {"a": 1, "b": [2]})


def keys(
    model: str = "v/m",
    question: str = "Why?",
    turns: int = 0,
    content: str = "Because.",
    calls: list[Any] | None = None,
) -> Keys:
    return turn_keys(model, Place(question.encode(), turns), content, [CALL] if calls is None else calls)


def known(first: Keys, second: Keys) -> bool:
    """Say whether a turn kept under the first keys is found by the second."""
    return any(key in first for key in second)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"question": "Something else", "content": ""},  # the id of the call is enough, whatever the app cut away
        {"calls": [("call_1", "now", {"b": [2], "a": 1})]},
        {"calls": [(None, "now", {"a": 1, "b": [2]})]},  # without an id by all that was said
        {"calls": [("call_9", "now", {"a": 1, "b": [2]})]},
        {"content": " Because.\n"},
        {"calls": [CALL, ("call_2", "then", {})]},
    ],
)
def test_a_turn_is_known_again(changed: dict[str, Any]) -> None:
    assert known(keys(), keys(**changed))


@pytest.mark.parametrize(
    "changed",
    [
        {"model": "v/other"},
        {"calls": []},
        {"calls": [(None, "now", {"a": 2, "b": [2]})]},
        {"calls": [(None, "now", {"a": 1, "b": [2]})], "question": "Why not?"},
        {"calls": [(None, "now", {"a": 1, "b": [2]})], "turns": 1},  # the same call, made again
        {"calls": [(None, "now", {"a": 1, "b": [2]})], "content": "Perhaps."},
        # Some models count their calls from 0 in every conversation.
        {"calls": [("call_1", "now", {"a": 9})], "question": "Why not?"},
        {"calls": [("call_1", "then", {"a": 1, "b": [2]})]},
    ],
)
def test_another_turn_is_not_taken_for_it(changed: dict[str, Any]) -> None:
    assert not known(keys(), keys(**changed))


def test_each_call_of_a_turn_has_a_key_and_the_turn_the_last() -> None:
    both = keys(calls=[CALL, ("call_2", "then", {}), (None, "who", {})])

    assert len(both) == 3
    assert both[1] == keys()[1]
    assert both[:1] == keys(calls=[(None, *CALL[1:]), (None, "then", {}), (None, "who", {})])


def test_a_place_is_the_users_last_text_and_the_turns_since() -> None:
    picture = ImagePart(image_url=ImageUrl(url="data:,"))
    messages = [
        Message(role="user", content="First"),
        Message(role="assistant", content="Answer"),
        Message(role="user", content=[TextPart(text="See"), picture, TextPart(text="this")]),
        Message(role="assistant", content=None),
        Message(role="tool", content="rain", tool_call_id="call_1"),
    ]

    assert place_after(messages) == Place(place_after([Message(role="user", content="See\nthis")]).question, 1)


def test_a_place_is_the_same_whether_a_conversation_is_read_at_once_or_in_parts() -> None:
    messages = [Message(role=role, content=role) for role in ("system", "user", "assistant", "tool", "assistant")]

    assert [place_after(messages[at:], place_after(messages[:at])) for at in range(6)] == [place_after(messages)] * 6


def test_the_size_of_a_question_does_not_weigh_on_each_turn_after_it() -> None:
    """A pasted book would otherwise be read again for every step of an agent."""
    assert len(place_after([Message(role="user", content="x" * 1_000_000)]).question) == 32


@pytest.mark.parametrize("messages", [[], [Message(role="system", content="Be brief.")]])
def test_where_nobody_spoke_the_place_before_holds(messages: list[Message]) -> None:
    assert place_after(messages, Place(b"before", 2)) == Place(b"before", 2)


def test_nothing_is_known_unless_someone_remembers() -> None:
    assert recall_nothing(keys()) is None


def test_details_survive_being_written_and_read() -> None:
    detail = thought("é\u2028😀", signature="a+/=", big=2**70, small=1e-9)

    assert msgspec.json.decode(msgspec.json.encode(gathered([detail]))) == [detail]

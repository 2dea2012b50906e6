"""Conversations of very many turns: an agent's over a whole day, or one made to keep everyone else waiting."""

from collections.abc import Iterator
from typing import Any

from tray_proxy.translate.messages import to_messages
from tray_proxy.wire.ollama import FunctionCall, Message, ToolCall
from tray_proxy.wire.openrouter import ModelEntry

MODEL = ModelEntry(id="vendor/able")


class Uncopied(list[Message]):
    """A list that takes it amiss when a part of it is copied."""

    def __getitem__(self, key: Any) -> Any:
        assert not isinstance(key, slice)
        return super().__getitem__(key)


def turns(count: int) -> Iterator[Message]:
    yield Message(role="user", content="Go")
    for number in range(count):
        calls = [ToolCall(id=f"call_{number}", function=FunctionCall(name="now"))]
        yield Message(role="assistant", tool_calls=calls)
        yield Message(role="tool", content=str(number), tool_name="now")


def test_the_rest_of_a_conversation_is_not_copied_for_each_turn() -> None:
    """A request of a few megabytes holds a hundred thousand turns."""
    sent = to_messages(Uncopied(turns(50)), MODEL, "able")

    assert [message.tool_call_id for message in sent if message.role == "tool"] == [f"call_{at}" for at in range(50)]


def test_thousands_of_results_find_their_calls() -> None:
    """By id, by name and by order, each of them once."""
    count = 30_000
    calls = [ToolCall(id=f"call_{at}", function=FunctionCall(name=f"f{at % 3}")) for at in range(count)]
    by_order = [Message(role="tool", content=str(at)) for at in range(count // 3)]
    by_name = [Message(role="tool", content=str(at), tool_name="f1") for at in range(count // 3)]
    by_id = [Message(role="tool", content=str(at), tool_call_id=f"call_{at}") for at in range(count - 1, 0, -3)]

    _turn, *told = to_messages(
        [Message(role="assistant", tool_calls=calls), *by_order, *by_name, *by_id], MODEL, "able"
    )

    expected = (
        *(f"call_{3 * at}" for at in range(count // 3)),
        *(f"call_{3 * at + 1}" for at in range(count // 3)),
        *(f"call_{at}" for at in range(count - 1, 0, -3)),
    )
    assert tuple(message.tool_call_id for message in told) == expected

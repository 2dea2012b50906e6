"""What a model thought goes back to the very turn it belongs to, however alike the turns are."""

from typing import Any

import msgspec

from tray_proxy.server.reasoning_memory import ReasoningMemory
from tray_proxy.translate.messages import to_messages
from tray_proxy.translate.reasoning_details import place_after, turn_keys
from tray_proxy.wire.ollama import FunctionCall, Message, ToolCall
from tray_proxy.wire.openrouter import ModelEntry

MODEL = ModelEntry(id="openai/o4-mini")
QUESTION = Message(role="user", content="Wait until it is done.")
RESULT = Message(role="tool", content="Not yet.")


class Talk:
    """A conversation in which the model makes the same call again and again."""

    def __init__(self, memory: ReasoningMemory, question: Message = QUESTION) -> None:
        self.memory = memory
        self.history = [question]

    def ask(self, thought: str, call_id: str | None, *, keeps_ids: bool = True) -> None:
        """Let the model think and call; then give it the result."""
        sent = to_messages(self.history, MODEL, "o4-mini", self.memory.recall)
        keys = turn_keys(MODEL.id, place_after(sent), "", [(call_id, "status", {})])
        self.memory.remember(keys, [{"type": "reasoning.encrypted", "data": thought}])
        call = ToolCall(id=call_id if keeps_ids else None, function=FunctionCall(name="status"))
        self.history += [Message(role="assistant", tool_calls=[call]), RESULT]

    def thoughts(self) -> list[Any]:
        """Give what goes back with each turn."""
        sent = to_messages(self.history, MODEL, "o4-mini", self.memory.recall)
        turns = [message for message in sent if message.role == "assistant"]
        return [msgspec.json.decode(turn.reasoning_details)[0]["data"] for turn in turns if turn.reasoning_details]


def test_a_call_that_was_made_again_keeps_the_thought_of_each_time() -> None:
    """OpenAI refuses a conversation in which the same encrypted item stands twice."""
    talk = Talk(ReasoningMemory())
    for number in range(3):
        talk.ask(f"thought {number}", f"call_{number}")

    assert talk.thoughts() == ["thought 0", "thought 1", "thought 2"]


def test_so_it_is_where_the_app_keeps_no_ids() -> None:
    talk = Talk(ReasoningMemory())
    for number in range(3):
        talk.ask(f"thought {number}", f"call_{number}", keeps_ids=False)

    assert talk.thoughts() == ["thought 0", "thought 1", "thought 2"]


def test_a_thought_does_not_wander_into_another_conversation() -> None:
    """Some models count their calls from 0 in every one, so their ids are alike."""
    memory = ReasoningMemory()
    mine, yours = Talk(memory), Talk(memory, Message(role="user", content="How is the weather?"))
    mine.ask("about the deployment", "functions.status:0")
    yours.ask("about the rain", "functions.status:0")

    assert (mine.thoughts(), yours.thoughts()) == (["about the deployment"], ["about the rain"])

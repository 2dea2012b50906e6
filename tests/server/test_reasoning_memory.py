"""What is kept of models' thoughts, and for how long."""

from typing import Any

import pytest

from tray_proxy.server.reasoning_memory import ReasoningMemory

DETAILS: list[dict[str, Any]] = [{"type": "reasoning.text", "text": "Hm.", "signature": "c2ln", "index": 0}]
ENCODED = b'[{"type":"reasoning.text","text":"Hm.","signature":"c2ln","index":0}]'


def sized(size: int) -> list[dict[str, Any]]:
    """Details that are so many bytes when encoded."""
    return [{"text": "x" * (size - len('[{"text":""}]'))}]


@pytest.mark.parametrize("keys", [(b"turn", b"call"), (b"call",), (b"turn",), (b"unknown", b"turn")])
def test_a_turn_is_found_by_any_of_its_keys(keys: tuple[bytes, ...]) -> None:
    memory = ReasoningMemory()
    memory.remember((b"turn", b"call"), DETAILS)

    assert memory.recall(keys) == ENCODED


@pytest.mark.parametrize("keys", [(), (b"unknown",)])
def test_what_is_not_known_is_not_made_up(keys: tuple[bytes, ...]) -> None:
    memory = ReasoningMemory()
    memory.remember((b"turn", b"call"), DETAILS)

    assert memory.recall(keys) is None


def test_the_first_key_that_is_known_decides() -> None:
    memory = ReasoningMemory()
    memory.remember((b"turn 1", b"call 1"), sized(100))
    memory.remember((b"turn 2", b"call 2"), DETAILS)

    assert memory.recall((b"call 2", b"turn 1")) == ENCODED


def test_the_same_turn_again_takes_the_place_of_the_first() -> None:
    memory = ReasoningMemory()
    memory.remember((b"turn", b"call 1"), sized(100))
    memory.remember((b"turn", b"call 2"), DETAILS)

    assert (memory.recall((b"call 1",)), memory.recall((b"turn",))) == (None, ENCODED)


def test_a_key_belongs_to_the_turn_that_took_it_last() -> None:
    """Also when the earlier turn is forgotten later."""
    memory = ReasoningMemory(max_turns=2)
    memory.remember((b"turn 1", b"call"), sized(100))
    memory.remember((b"turn 2", b"call"), DETAILS)
    memory.remember((b"turn 3",), sized(100))

    assert (memory.recall((b"turn 1",)), memory.recall((b"call",))) == (None, ENCODED)


def test_the_turn_used_longest_ago_is_forgotten_first() -> None:
    memory = ReasoningMemory(max_turns=2)
    memory.remember((b"one",), DETAILS)
    memory.remember((b"two",), DETAILS)
    memory.recall((b"one",))
    memory.remember((b"three",), DETAILS)

    assert [memory.recall((key,)) for key in (b"one", b"two", b"three")] == [ENCODED, None, ENCODED]


def test_no_more_bytes_are_kept_than_allowed() -> None:
    """Each turn counts its details, and 200 bytes for each key."""
    memory = ReasoningMemory(max_bytes=3000)
    for number in b"abcd":
        memory.remember((bytes([number]),), sized(800))

    assert [memory.recall((bytes([number]),)) is not None for number in b"abcd"] == [False, True, True, True]


def test_a_forgotten_turn_gives_its_bytes_back() -> None:
    memory = ReasoningMemory(max_bytes=3000)
    for _ in range(1000):
        memory.remember((b"turn",), sized(2000))

    memory.remember((b"another",), sized(600))

    assert (memory.recall((b"turn",)) is None, memory.recall((b"another",)) is None) == (False, False)


def test_what_is_larger_than_the_memory_is_not_kept_and_costs_nobody_else_a_place() -> None:
    memory = ReasoningMemory(max_bytes=1000)
    memory.remember((b"small",), DETAILS)
    memory.remember((b"large",), sized(1001))

    assert (memory.recall((b"small",)), memory.recall((b"large",))) == (ENCODED, None)


def test_many_keys_count_too() -> None:
    """A model may make a thousand calls at once."""
    memory = ReasoningMemory(max_bytes=10_000)
    memory.remember(tuple(str(number).encode() for number in range(1000)), DETAILS)

    assert memory.recall((b"0",)) is None


def test_nothing_is_left_of_what_was_forgotten() -> None:
    memory = ReasoningMemory(max_turns=1)
    for number in range(100):
        memory.remember((f"turn {number}".encode(), f"call {number}".encode()), DETAILS)

    assert (len(memory._turns), len(memory._turn_of), memory._bytes) == (1, 2, len(ENCODED) + 400)

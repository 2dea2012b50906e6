"""How much a model is told to think."""

from typing import Any

import pytest

from tray_proxy.errors import BadRequest, UnsupportedRequest
from tray_proxy.translate.reasoning import check_think, check_thinks, think_of, to_reasoning
from tray_proxy.wire.openrouter import ModelEntry, Reasoning, ReasoningFacts

PLAIN = ModelEntry(id="v/m")
BY_PARAMETER = ModelEntry(id="v/m", supported_parameters=("reasoning",))


def thinker(*efforts: str, mandatory: bool = False) -> ModelEntry:
    return ModelEntry(id="v/m", reasoning=ReasoningFacts(mandatory=mandatory, supported_efforts=efforts or None))


MUST = thinker("xhigh", "high", "medium", "low", "none", mandatory=True)


@pytest.mark.parametrize("think", [None, True, False, "low", "medium", "high", "max"])
def test_every_level_of_ollama_is_taken(think: object) -> None:
    check_think(think)


@pytest.mark.parametrize("think", ["deeply", "", "High", "none"])
def test_another_word_is_refused(think: object) -> None:
    with pytest.raises(BadRequest) as caught:
        check_think(think)

    assert caught.value.message == (
        f'invalid think value: "{think}" (must be "high", "medium", "low", "max", true, or false)'
    )


@pytest.mark.parametrize("think", [1, 0, 0.5, [], {"budget": 1}])
def test_another_type_is_refused(think: object) -> None:
    with pytest.raises(BadRequest) as caught:
        check_think(think)

    assert caught.value.message == (
        'think must be a boolean or string ("high", "medium", "low", "max", true, or false)'
    )


@pytest.mark.parametrize("think", [True, "low"])
def test_who_cannot_think_is_not_told_to(think: object) -> None:
    with pytest.raises(UnsupportedRequest) as caught:
        check_thinks(think, PLAIN, "plain:latest")

    assert caught.value.message == '"plain:latest" does not support thinking'


@pytest.mark.parametrize(("think", "model"), [(None, PLAIN), (False, PLAIN), (True, thinker()), ("max", BY_PARAMETER)])
def test_everything_else_about_thinking_can_be_asked(think: object, model: ModelEntry) -> None:
    """`think: false` is fine everywhere."""
    check_thinks(think, model, "plain")


@pytest.mark.parametrize(
    ("think", "model", "reasoning"),
    [
        (None, thinker(), None),  # the model decides
        (None, MUST, None),
        (None, PLAIN, None),
        (False, PLAIN, None),
        (True, thinker(), Reasoning(enabled=True)),
        (True, MUST, Reasoning(enabled=True)),
        (True, BY_PARAMETER, Reasoning(enabled=True)),
        (False, thinker(), Reasoning(effort="none")),
        (False, BY_PARAMETER, Reasoning(effort="none")),
        # A model that always reasons answers "none" with a 400: its least, kept to itself.
        (False, MUST, Reasoning(effort="low", exclude=True)),
        (False, thinker("high", mandatory=True), Reasoning(effort="high", exclude=True)),
        (False, thinker(mandatory=True), Reasoning(effort="minimal", exclude=True)),
        ("low", thinker(), Reasoning(effort="low")),
        ("medium", thinker(), Reasoning(effort="medium")),
        ("high", thinker("high", "low"), Reasoning(effort="high")),
        ("low", MUST, Reasoning(effort="low")),
        ("max", thinker("max", "xhigh", "high"), Reasoning(effort="max")),
        ("max", thinker("xhigh", "high"), Reasoning(effort="xhigh")),
        ("max", thinker("high", "low"), Reasoning(effort="high")),
        ("max", thinker("medium", "low"), Reasoning(effort="high")),  # OpenRouter takes the nearest
        ("max", thinker(), Reasoning(effort="max")),
    ],
)
def test_think_is_translated_for_the_model(think: object, model: ModelEntry, reasoning: Reasoning | None) -> None:
    assert to_reasoning(think, model) == ({} if reasoning is None else {"reasoning": reasoning})


def claude(model_id: str = "anthropic/claude", **facts: bool) -> ModelEntry:
    return ModelEntry(id=model_id, reasoning=ReasoningFacts(**facts))


LEAST = {"reasoning": Reasoning(max_tokens=1024), "max_tokens": 1124}
QUIETLY = {"reasoning": Reasoning(max_tokens=1024, exclude=True), "max_tokens": 1124}
OFF = {"reasoning": Reasoning(effort="none")}


@pytest.mark.parametrize(
    ("think", "model", "fields"),
    [
        (True, claude(), LEAST),
        (True, claude("~anthropic/claude-latest"), LEAST),
        (True, claude("anthropic/claude:beta"), LEAST),
        ("max", claude(), LEAST),
        ("low", claude(default_enabled=True), LEAST),
        (True, claude(mandatory=True), LEAST),
        (False, claude(), OFF),
        (False, claude(default_enabled=True), OFF),
        (None, claude(default_enabled=True), OFF),  # its own budget would not fit
        (None, claude(default_enabled=False), {}),
        (None, claude(), {}),
        # Cannot be told not to think: the limit has to make room.
        (None, claude(mandatory=True), LEAST),
        (None, claude(mandatory=True, default_enabled=True), LEAST),
        (False, claude(mandatory=True), QUIETLY),
        (None, ModelEntry(id="anthropic/claude-instant"), {}),
        (False, ModelEntry(id="anthropic/claude-instant"), {}),
        # Others count thinking within their limit, or have none.
        (True, thinker(), {"reasoning": Reasoning(enabled=True)}),
        (None, ModelEntry(id="notanthropic/x", reasoning=ReasoningFacts(default_enabled=True)), {}),
    ],
)
def test_a_small_limit_bounds_claudes_answer_and_not_its_thinking(
    think: object, model: ModelEntry, fields: dict[str, Any]
) -> None:
    """Claude refuses a limit that its budget of thinking does not fit into."""
    assert to_reasoning(think, model, 100) == fields


@pytest.mark.parametrize(("limit", "fields"), [(1024, {"max_tokens": 2048}), (1025, {}), (1, {"max_tokens": 1025})])
def test_only_a_limit_that_leaves_no_room_is_widened(limit: int, fields: dict[str, int]) -> None:
    widened = to_reasoning(True, claude(), limit)

    assert {name: value for name, value in widened.items() if name == "max_tokens"} == fields


@pytest.mark.parametrize("think", [None, True, False, "low"])
def test_without_a_limit_claude_is_asked_as_all_are(think: object) -> None:
    assert to_reasoning(think, claude()) == to_reasoning(think, thinker())


@pytest.mark.parametrize(
    ("effort", "think"),
    [
        (None, None),
        ("", None),
        ("none", False),
        ("minimal", "low"),
        ("low", "low"),
        ("medium", "medium"),
        ("high", "high"),
        ("max", "max"),
        ("xhigh", "max"),
        ("ultra", "max"),
    ],
)
def test_effort_is_openais_word_for_it(effort: str | None, think: bool | str | None) -> None:
    result = think_of(effort)

    assert result == think
    check_think(result)


@pytest.mark.parametrize("effort", ["deep", "High", "true", " low"])
def test_another_word_for_effort_is_refused(effort: str) -> None:
    with pytest.raises(BadRequest) as caught:
        think_of(effort)

    assert caught.value.message == (
        f'invalid reasoning value: "{effort}" (must be one of "none", "minimal", "low", "medium", "high", "max", '
        '"xhigh", "ultra")'
    )


@pytest.mark.parametrize(
    ("budget", "limit", "reasoning"),
    [
        (2000, None, Reasoning(max_tokens=2000)),
        (2000, 2001, Reasoning(max_tokens=2000)),
        (1024, 4000, Reasoning(max_tokens=1024)),
        # No room is left for an answer, or it is less than Claude takes: as without a budget.
        (2000, 2000, Reasoning(enabled=True)),
        (2000, 1500, Reasoning(enabled=True)),
        (1023, None, Reasoning(enabled=True)),
        (0, None, Reasoning(enabled=True)),
        (None, 4000, Reasoning(enabled=True)),
    ],
)
@pytest.mark.parametrize("model", [claude(), thinker(), thinker(mandatory=True)], ids=["claude", "other", "mandatory"])
def test_a_budget_that_leaves_room_for_an_answer_is_sent(
    model: ModelEntry, budget: int | None, limit: int | None, reasoning: Reasoning
) -> None:
    assert to_reasoning(True, model, limit, budget) == {"reasoning": reasoning}


def test_a_budget_counts_before_a_level() -> None:
    """OpenRouter takes one of the two."""
    assert to_reasoning("low", claude(), 4000, 2000) == {"reasoning": Reasoning(max_tokens=2000)}


@pytest.mark.parametrize(("think", "fields"), [(None, {}), (False, OFF)])
def test_a_budget_alone_makes_nobody_think(think: bool | None, fields: dict[str, Any]) -> None:
    assert to_reasoning(think, claude(), 4000, 2000) == fields


def test_who_cannot_think_has_no_budget() -> None:
    assert to_reasoning(True, PLAIN, None, 2000) == {}


def test_a_budget_without_room_does_not_take_claudes_least_from_it() -> None:
    assert to_reasoning(True, claude(), 100, 50) == LEAST

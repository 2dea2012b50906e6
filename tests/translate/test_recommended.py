"""Which models a beginner is offered, of a list that nobody here wrote down."""

from tray_proxy.translate import recommended
from tray_proxy.wire.openrouter import Architecture, ModelEntry

TEXT = Architecture(input_modalities=("text",), output_modalities=("text",))


def model(model_id, created=1, price="0.000001", parameters=("tools",)):
    return ModelEntry(
        id=model_id,
        created=created,
        architecture=TEXT,
        pricing={"prompt": price, "completion": price},
        supported_parameters=parameters,
    )


def test_of_each_family_the_newest_is_recommended():
    entries = (
        model("anthropic/claude-sonnet-4", created=10),
        model("anthropic/claude-sonnet-4.5", created=20),
        model("google/gemini-2.5-flash", created=5),
    )

    assert recommended.to_begin_with(entries) == ("anthropic/claude-sonnet-4.5", "google/gemini-2.5-flash")


def test_what_agents_cannot_use_is_not_recommended():
    assert recommended.to_begin_with((model("openai/gpt-4o-mini", parameters=()),)) == ()


def test_a_free_variant_is_not_recommended_as_if_it_were_the_paid_model():
    assert recommended.to_begin_with((model("qwen/qwen3-coder:free", price="0"),)) == ()


def test_free_models_with_tools_come_first_and_then_the_youngest():
    entries = (
        model("a/old:free", created=1, price="0"),
        model("a/plain:free", created=9, price="0", parameters=()),
        model("a/new:free", created=2, price="0"),
        model("a/paid", created=3),
    )

    assert recommended.free(entries) == ("a/new:free", "a/old:free", "a/plain:free")


def test_a_router_is_nothing_to_begin_with():
    assert recommended.free((model("openrouter/free", price="0"),)) == ()


def test_no_more_free_models_are_offered_than_one_looks_through():
    entries = [model(f"a/model-{number}:free", price="0") for number in range(30)]

    assert len(recommended.free(entries)) == recommended.FREE_AT_MOST

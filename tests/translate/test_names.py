"""Model names: what apps write finds the model they mean, and only what the owner allows."""

import pytest

from tray_proxy.errors import ModelNameAmbiguous, ModelNotFound
from tray_proxy.translate.names import DYNAMIC_VARIANTS, AllowList, Names, filter_lines

NAMES = Names(
    [
        "openai/gpt-4o",
        "deepseek/deepseek-r1",
        "deepseek/deepseek-r1:free",
        "Qwen/Qwen3-8B",
        "~anthropic/claude-latest",
        "mistralai/nemo",
        "nvidia/nemo",
    ]
)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("openai/gpt-4o", "openai/gpt-4o"),
        ("openai/gpt-4o:latest", "openai/gpt-4o"),
        ("OpenAI/GPT-4o", "openai/gpt-4o"),
        ("openai/gpt-4o:LATEST", "openai/gpt-4o"),
        (" openai/gpt-4o\n", "openai/gpt-4o"),
        ("gpt-4o", "openai/gpt-4o"),
        ("GPT-4o:latest", "openai/gpt-4o"),
        ("qwen/qwen3-8b", "Qwen/Qwen3-8B"),
        ("deepseek/deepseek-r1", "deepseek/deepseek-r1"),
        ("deepseek/deepseek-r1:free", "deepseek/deepseek-r1:free"),
        ("deepseek-r1:free", "deepseek/deepseek-r1:free"),
        ("deepseek/deepseek-r1:free:latest", "deepseek/deepseek-r1:free"),
        ("~anthropic/claude-latest", "~anthropic/claude-latest"),
        ("nvidia/nemo", "nvidia/nemo"),
    ],
)
def test_apps_find_a_model_however_they_write_it(written: str, meant: str) -> None:
    assert NAMES.find(written) == (meant, "")


@pytest.mark.parametrize("variant", DYNAMIC_VARIANTS)
def test_a_variant_that_openrouter_takes_anywhere_is_kept(variant: str) -> None:
    """The catalogue has no rows for these."""
    assert NAMES.find(f"GPT-4o:{variant}:latest") == ("openai/gpt-4o", f":{variant}")


def test_a_variant_may_follow_one_with_a_row_of_its_own() -> None:
    assert NAMES.find("deepseek/deepseek-r1:free:nitro") == ("deepseek/deepseek-r1:free", ":nitro")


@pytest.mark.parametrize(
    "name",
    ["llama3.2", "openai/gpt-4o:free", "openai/gpt-4o:latest:latest", "gpt-4", "openai/", "/", ":", "nitro", ":nitro"],
)
def test_what_is_not_in_the_catalogue_is_not_found(name: str) -> None:
    """A variant without a row (`:free`) must not fall back to the paid model."""
    with pytest.raises(ModelNotFound) as caught:
        NAMES.find(name)

    assert caught.value.message == f"model '{name}' not found"


@pytest.mark.parametrize("name", ["nemo", "Nemo:latest", "nemo:nitro"])
def test_a_short_name_that_several_vendors_use_is_refused(name: str) -> None:
    """Guessing would spend money on the wrong one."""
    with pytest.raises(ModelNameAmbiguous) as caught:
        NAMES.find(name)

    assert caught.value.message == f"model name '{name}' is ambiguous: it could be mistralai/nemo, nvidia/nemo"


CEILING = ("openai/*", "mistral-*", "Google/Gemma-3:latest")


@pytest.mark.parametrize(
    ("ceiling", "ticks", "model_id", "allowed"),
    [
        (None, None, "openai/gpt-4o", True),  # nothing was ever chosen: every model
        (None, (), "openai/gpt-4o", False),  # the last tick was taken away: no model
        (None, ("openai/gpt-4o",), "openai/gpt-4o", True),
        (None, ("OpenAI/GPT-4o",), "openai/gpt-4o", True),
        (None, ("openai/gpt-4o",), "openai/gpt-4o-mini", False),
        (CEILING, None, "openai/gpt-4o", True),
        (CEILING, None, "OpenAI/GPT-4o:free", True),
        (CEILING, None, "google/gemma-3", True),
        (CEILING, None, "google/gemma-3-27b", False),
        (CEILING, None, "mistralai/mistral-small", True),
        (CEILING, None, "mistral-vendor/other", False),
        (CEILING, ("openai/gpt-4o",), "openai/gpt-4o", True),
        (CEILING, ("openai/gpt-4o",), "openai/gpt-4o-mini", False),
        (CEILING, ("nvidia/nemo",), "nvidia/nemo", False),  # a tick does not reach above the ceiling
        (CEILING, (), "openai/gpt-4o", False),
        ((), None, "openai/gpt-4o", False),
        ((), ("openai/gpt-4o",), "openai/gpt-4o", False),
    ],
)
def test_a_model_is_allowed_below_the_ceiling_and_among_the_ticks(
    ceiling: tuple[str, ...] | None, ticks: tuple[str, ...] | None, model_id: str, allowed: bool
) -> None:
    assert AllowList(ceiling, ticks).allows(model_id) is allowed


@pytest.mark.parametrize(("ceiling", "below"), [(None, True), (("openai/*",), True), (("nvidia/*",), False)])
def test_ticks_do_not_move_the_ceiling(ceiling: tuple[str, ...] | None, below: bool) -> None:
    """The page lists everything below the ceiling, ticked or not."""
    assert AllowList(ceiling, ()).below_ceiling("openai/gpt-4o") is below


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", ()),
        ("# nothing\n\n   \n", ()),
        ("openai/gpt-4o\nnvidia/*\n", ("openai/gpt-4o", "nvidia/*")),
        ("  openai/gpt-4o  # cheap\r\nnvidia/*", ("openai/gpt-4o", "nvidia/*")),
        ("\ufeffopenai/gpt-4o", ("openai/gpt-4o",)),  # as Windows' editor saves it
    ],
)
def test_a_filter_file_has_one_pattern_a_line(text: str, lines: tuple[str, ...]) -> None:
    assert filter_lines(text) == lines

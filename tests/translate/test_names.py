"""Model names: what apps write finds the model they mean, and only what the owner allows."""

import pytest

from tray_proxy.errors import ModelNameAmbiguous, ModelNotFound
from tray_proxy.translate.library import Library
from tray_proxy.translate.names import (
    DYNAMIC_VARIANTS,
    AllowList,
    Names,
    filter_lines,
    folded,
    is_valid,
    near,
    with_tag,
)

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
        ("library/gpt-4o", "openai/gpt-4o"),
        ("registry.ollama.ai/library/gpt-4o:latest", "openai/gpt-4o"),
        ("Registry.Ollama.AI/openai/gpt-4o", "openai/gpt-4o"),
        ("https://registry.ollama.ai/openai/gpt-4o", "openai/gpt-4o"),
        ("gpt-4o:cloud", "openai/gpt-4o"),
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


def test_variants_may_stack_and_keep_their_order() -> None:
    assert NAMES.find("deepseek-r1:free:Nitro:online") == ("deepseek/deepseek-r1:free", ":nitro:online")


def test_a_row_of_its_own_goes_before_a_variant_taken_apart() -> None:
    assert Names(["a/b", "a/b:online"]).find("a/b:online") == ("a/b:online", "")


@pytest.mark.parametrize(
    "name",
    [
        "llama3.2",
        "library/",
        "a" * 351,
        ":nitro" * 100_000,
        "gpt-4o:local",
        "openai/gpt-4o:free",
        "openai/gpt-4o:latest:latest",
        "gpt-4",
        "openai/",
        "/",
        ":",
        "nitro",
        ":nitro",
    ],
)
def test_what_is_not_in_the_catalogue_is_not_found(name: str) -> None:
    """A variant without a row (`:free`) must not fall back to the paid model."""
    with pytest.raises(ModelNotFound) as caught:
        NAMES.find(name)

    shown = name if len(name) <= 1000 else f"{name[:1000]}…"
    assert caught.value.message == f"model '{shown}' not found"


@pytest.mark.parametrize("name", ["nemo", "Nemo:latest", "nemo:nitro"])
def test_a_short_name_that_several_vendors_use_is_refused(name: str) -> None:
    """Guessing would spend money on the wrong one."""
    with pytest.raises(ModelNameAmbiguous) as caught:
        NAMES.find(name)

    assert caught.value.message == f"model name '{name}' is ambiguous: it could be mistralai/nemo, nvidia/nemo"


LIBRARY = Library([("deepseek/deepseek-r1", "deepseek-ai/DeepSeek-R1"), ("qwen/qwq-32b", "Qwen/QwQ-32B")])


def test_a_name_of_ollamas_library_finds_the_same_open_model() -> None:
    assert Names(["qwen/qwq-32b"], LIBRARY).find("QwQ:latest") == ("qwen/qwq-32b", "")


def test_a_name_of_the_library_may_carry_a_variant() -> None:
    assert Names(["qwen/qwq-32b"], LIBRARY).find("qwq:32b:nitro") == ("qwen/qwq-32b", ":nitro")


def test_a_short_name_goes_before_the_library() -> None:
    """In the library, the name alone is a small distilled model; here it is the id's own name."""
    assert Names(["deepseek/deepseek-r1"], LIBRARY).find("deepseek-r1") == ("deepseek/deepseek-r1", "")


def test_a_short_name_of_several_vendors_is_not_settled_by_the_library() -> None:
    with pytest.raises(ModelNameAmbiguous):
        Names(["deepseek/deepseek-r1", "other/deepseek-r1"], LIBRARY).find("deepseek-r1")


def test_without_the_library_its_names_are_unknown() -> None:
    with pytest.raises(ModelNotFound):
        Names(["qwen/qwq-32b"]).find("qwq")


@pytest.mark.parametrize(
    "name",
    [
        "x",
        " openai/gpt-4o\n",
        "~anthropic/claude-latest",
        "@preset/my-own",
        "openai/gpt-4o@preset/my-own",
        "registry.ollama.ai/library/llama3:8b-instruct-q4_K_M",
        "https://registry.ollama.ai/library/llama3",
        "deepseek/deepseek-r1:free:online",
        "Qwen/Qwen3_8B.v2",
        "a" * 350,
    ],
)
def test_what_may_be_a_name_is_looked_up(name: str) -> None:
    """Wider than Ollama's own grammar, or ids of OpenRouter's would be refused."""
    assert is_valid(name)


@pytest.mark.parametrize(
    "name",
    ["", "  ", "/", ":", "a/", "/a", "a:", ":a", "a//b", "a::b", "a b", "a\tb", "a\nb", "a\x00b", "a\u00a0b",
     "a\u2028b", "a\ud800b", "a" * 351],
)  # fmt: skip
def test_what_can_be_no_name_is_told_apart(name: str) -> None:
    """It gets another error than a name of no model."""
    assert not is_valid(name)


@pytest.mark.parametrize(
    "written",
    ["Mine", "mine:latest", " MINE ", "library/mine", "registry.ollama.ai/library/mine:latest", "http://mine"],
)
def test_all_spellings_of_a_name_have_one_form_in_common(written: str) -> None:
    assert folded(written) == "mine"


@pytest.mark.parametrize(("name", "listed"), [("mine", "mine:latest"), ("a/b", "a/b:latest"), ("mine:v2", "mine:v2")])
def test_an_own_name_is_listed_with_a_tag(name: str, listed: str) -> None:
    assert with_tag(name) == listed


OTHERS = [
    "openai/gpt-4o",
    "openai/gpt-4o-mini",
    "meta-llama/llama-3.1-8b-instruct",
    "anthropic/claude-sonnet-4",
    "My-Helper:latest",
]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("openai/gpt-4o-mni", ["openai/gpt-4o-mini", "openai/gpt-4o"]),
        ("gpt-4", ["openai/gpt-4o", "openai/gpt-4o-mini"]),
        ("google/claude-sonnet-4", ["anthropic/claude-sonnet-4"]),
        ("claude-sonet-4:latest", ["anthropic/claude-sonnet-4"]),
        ("llama3.1:8b", ["meta-llama/llama-3.1-8b-instruct"]),
        ("my-helpr", ["My-Helper:latest"]),
        ("something-else-entirely", []),
        ("", []),
    ],
)
def test_names_that_were_perhaps_meant_are_found(name: str, meant: list[str]) -> None:
    assert near(name, OTHERS) == meant


def test_no_more_than_three_names_are_told() -> None:
    assert len(near("model-1", [f"vendor/model-{number}" for number in range(20)])) == 3


def test_a_long_name_is_not_compared_whole() -> None:
    """Whoever asks for a megabyte must not keep everyone else waiting."""
    begin = "x" * 200

    assert near(begin + "y" * 1_000_000, [begin]) == [begin]


def test_no_more_of_long_names_is_compared_than_ids_have() -> None:
    """Six hundred names of one's own, made long and alike, must not make a 404 take seconds."""
    begin = "x" * 64

    assert near(f"{begin}{'y' * 280}", [f"{begin}{'z' * 280}"]) == [f"{begin}{'z' * 280}"]


def test_what_all_spellings_have_in_common_takes_no_room_from_the_comparison() -> None:
    name = "cognitivecomputations/dolphin-mistral-24b-venice-edition:fre"

    assert near(f"http://registry.ollama.ai/library/{name}", [f"{name}e"]) == [f"{name}e"]


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


@pytest.mark.parametrize(
    ("ceiling", "ticks", "allowed"),
    [
        (None, None, False),
        (CEILING, None, False),
        (None, ("openai/gpt-4o",), True),  # a later tick is the owner's last word
    ],
)
def test_a_hidden_model_is_not_allowed_while_all_others_are(
    ceiling: tuple[str, ...] | None, ticks: tuple[str, ...] | None, allowed: bool
) -> None:
    allow = AllowList(ceiling, ticks, ["OpenAI/GPT-4o"])

    assert allow.allows("openai/gpt-4o") is allowed
    assert allow.allows("openai/gpt-4o-mini") is (ticks is None)


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


CLAUDES = Names(
    [
        "anthropic/claude-sonnet-4.5",
        "anthropic/claude-sonnet-4",
        "anthropic/claude-3.5-haiku",
        "anthropic/claude-3.5-sonnet",
        "anthropic/claude-3.5-sonnet-20240620",
        "anthropic/claude-3-haiku",
    ]
)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4.5"),
        ("claude-sonnet-4-5", "anthropic/claude-sonnet-4.5"),
        ("Claude-Sonnet-4-5:latest", "anthropic/claude-sonnet-4.5"),
        ("anthropic/claude-sonnet-4-5", "anthropic/claude-sonnet-4.5"),
        ("claude-sonnet-4-20250514", "anthropic/claude-sonnet-4"),
        ("claude-sonnet-4-0", "anthropic/claude-sonnet-4"),
        ("claude-3-5-haiku-latest", "anthropic/claude-3.5-haiku"),
        ("claude-3-5-haiku-20241022", "anthropic/claude-3.5-haiku"),
        ("claude-3-5-sonnet-20240620", "anthropic/claude-3.5-sonnet-20240620"),
        ("claude-3-5-sonnet-20241022", "anthropic/claude-3.5-sonnet"),
        ("claude-3-haiku-20240307", "anthropic/claude-3-haiku"),
    ],
)
def test_a_claude_is_found_by_the_name_it_has_at_anthropic(written, meant):
    """Claude Code asks so unless it is told another name."""
    assert CLAUDES.find(written) == (meant, "")


@pytest.mark.parametrize(
    "name", ["claude-sonnet-4-6", "claude-opus-4-5", "claude-3-5", "gpt-4-5", "claude-sonnet-4-5-2025", "claude-"]
)
def test_no_other_claude_is_taken_for_it(name):
    """The wrong one would cost the wrong price."""
    with pytest.raises(ModelNotFound):
        CLAUDES.find(name)

"""What Ollama says about a model, field by field."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tray_proxy.translate import model_info
from tray_proxy.translate.model_info import Place
from tray_proxy.translate.presets import Preset
from tray_proxy.wire.ollama import Message
from tray_proxy.wire.openrouter import Architecture, ModelEntry, ReasoningFacts, TopProvider

PLACE = Place("https://openrouter.ai:443", 1_763_900_000)  # 2025-11-23T12:13:20Z

FULL = ModelEntry(
    id="qwen/qwen3-30b-a3b",
    canonical_slug="qwen/qwen3-30b-a3b-04-28",
    name="Qwen: Qwen3 30B A3B",
    created=1_745_878_604,
    context_length=131_072,
    architecture=Architecture(input_modalities=("text", "image"), tokenizer="Qwen3"),
    top_provider=TopProvider(context_length=40_960),
    supported_parameters=("tools", "reasoning", "temperature"),
)
BARE = ModelEntry(id="vendor/model")


def model(model_id: str = "vendor/model", **facts: Any) -> ModelEntry:
    return ModelEntry(id=model_id, **facts)


def makes(*outputs: str, takes: tuple[str, ...] = ("text",), **facts: Any) -> ModelEntry:
    return model(architecture=Architecture(input_modalities=takes, output_modalities=outputs), **facts)


def sent(answer: object) -> dict[str, Any]:
    return msgspec.json.decode(msgspec.json.encode(answer))


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (BARE, ["completion"]),
        (model(supported_parameters=("tools",)), ["completion", "tools"]),
        (makes("text", takes=("text", "image")), ["completion", "vision"]),
        (makes("text", takes=("text", "audio")), ["completion", "audio"]),
        (makes("text", takes=("text", "file", "video")), ["completion"]),
        (model(supported_parameters=("reasoning",)), ["completion", "thinking"]),
        (model(supported_parameters=("include_reasoning",)), ["completion", "thinking"]),
        (model(reasoning=ReasoningFacts()), ["completion", "thinking"]),
        (model(supported_parameters=("temperature", "tool_choice")), ["completion"]),
        (makes("image", "text"), ["completion"]),
        (makes("image"), ["image"]),
        (makes("speech"), []),
        (makes(), ["completion"]),
        (
            makes("text", takes=("audio", "image", "text"), supported_parameters=("reasoning", "tools")),
            ["completion", "tools", "vision", "thinking", "audio"],
        ),
    ],
)
def test_capabilities_are_ollamas_words(entry: ModelEntry, words: list[str]) -> None:
    assert model_info.capabilities(entry) == words


def test_an_embedding_model_can_do_nothing_else() -> None:
    """Ollama writes `embedding` instead of `completion`; clients sort their lists by it."""
    entry = makes("embeddings", takes=("text", "image"), supported_parameters=("tools",))

    assert model_info.capabilities(entry) == ["embedding"]


@pytest.mark.parametrize(
    ("of_model", "of_provider", "length"),
    [
        (131_072, 40_960, 40_960),
        (32_768, 131_072, 32_768),
        (32_768, None, 32_768),
        (None, 32_768, 32_768),
        (0, 32_768, 32_768),
        (-1, 32_768, 32_768),
        (10**30, 32_768, 32_768),
        (None, None, 8192),
        (10**30, 0, 8192),
    ],
)
def test_the_context_is_the_smaller_of_what_is_known(
    of_model: int | None, of_provider: int | None, length: int
) -> None:
    """An app that believes the larger figure gets its long prompts refused."""
    entry = model(context_length=of_model, top_provider=TopProvider(context_length=of_provider))

    assert model_info.context_length(entry) == length


@pytest.mark.parametrize(
    ("model_id", "tokenizer", "family"),
    [
        ("meta-llama/llama-3.1-8b-instruct", "Llama3", "llama3"),
        ("openai/gpt-4o", "GPT", "gpt"),
        ("vendor/model", "Some Odd_Name ", "some-odd-name"),
        ("x-ai/grok-4", "Other", "x-ai"),
        ("openrouter/auto", "Router", "openrouter"),
        ("vendor/painter", "Media", "vendor"),
        ("~Anthropic/claude-latest", None, "anthropic"),
        ("vendor/model", "", "vendor"),
        ("vendor/model", "模型", "vendor"),
        ("~/model", None, "unknown"),
    ],
)
def test_the_family_is_the_tokenizers_or_the_vendors(model_id: str, tokenizer: str | None, family: str) -> None:
    assert model_info.family(model(model_id, architecture=Architecture(tokenizer=tokenizer))) == family


@pytest.mark.parametrize(
    ("model_id", "more", "size"),
    [
        ("meta-llama/llama-3.1-8b-instruct", {}, ("8B", 8_000_000_000)),
        ("qwen/qwen3-30b-a3b", {}, ("30B", 30_000_000_000)),
        ("mistralai/mixtral-8x7b-instruct", {}, ("8x7B", 56_000_000_000)),
        ("qwen/qwen3-0.6b:free", {}, ("0.6B", 600_000_000)),
        ("vendor/tiny-270m", {}, ("270M", 270_000_000)),
        ("vendor/giant-1t", {}, ("1T", 1_000_000_000_000)),
        ("openai/gpt-oss-120b", {}, ("120B", 120_000_000_000)),
        ("deepseek/deepseek-chat", {"hugging_face_id": "deepseek-ai/DeepSeek_V3_671B"}, ("671B", 671_000_000_000)),
        ("mistralai/mistral-nemo", {"name": "Mistral: Nemo 12B"}, ("12B", 12_000_000_000)),
        ("openai/gpt-4o", {"name": "OpenAI: GPT-4o"}, ("unknown", None)),
        ("microsoft/phi-3-mini-128k-instruct", {}, ("unknown", None)),
        ("minimax/minimax-m1", {}, ("unknown", None)),
        ("google/gemma-3n-e4b-it", {}, ("unknown", None)),
        ("qwen/qwen-turbo", {"name": "Qwen: Qwen-Turbo (1M context)"}, ("unknown", None)),
        ("qwen/qwen2.5-1m-7b", {}, ("7B", 7_000_000_000)),
        (
            "meta-llama/llama-4-scout",
            {"hugging_face_id": "meta-llama/Llama-4-Scout-17B-16E-Instruct"},
            ("17B-16E", None),
        ),
        ("vendor/model-99999999999999999999b", {}, ("unknown", None)),
    ],
)
def test_the_size_is_read_from_the_name(model_id: str, more: dict[str, str], size: tuple[str, int | None]) -> None:
    """It stands in no field of the catalogue; nothing is guessed."""
    assert model_info.parameter_size(model(model_id, **more)) == size


@pytest.mark.parametrize(
    ("model_id", "more", "level"),
    [
        ("vendor/model-fp8", {}, "FP8"),
        ("vendor/model", {"hugging_face_id": "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16"}, "BF16"),
        ("vendor/model", {"hugging_face_id": "Vendor/Model-AWQ"}, "AWQ"),
        ("vendor/model", {"hugging_face_id": "Vendor/Model_gptq_4bit"}, "GPTQ"),
        ("vendor/model", {"name": "Vendor: Model (int4)"}, "INT4"),
        ("vendor/model", {"name": "Model NVFP4"}, "NVFP4"),
        ("vendor/model-q4_k_m", {}, "Q4_K_M"),
        ("vendor/model-Q8_0", {"hugging_face_id": "Vendor/Model-BF16"}, "Q8_0"),
        ("vendor/model-w4a16", {}, "W4A16"),
        ("openai/gpt-4o", {"name": "OpenAI: GPT-4o", "hugging_face_id": ""}, "unknown"),
        ("vendor/print4", {}, "unknown"),
        ("vendor/q4-report", {}, "unknown"),
    ],
)
def test_the_precision_is_read_from_the_names(model_id: str, more: dict[str, str], level: str) -> None:
    """It stands in no field of the catalogue, and readers want a text."""
    assert model_info.quantization(model(model_id, **more)) == level


@pytest.mark.parametrize(
    ("base_url", "host"),
    [
        ("https://openrouter.ai/api/v1", "https://openrouter.ai:443"),
        ("https://eu.openrouter.ai/api/v1", "https://eu.openrouter.ai:443"),
        ("https://gateway.example:8443/v1", "https://gateway.example:8443"),
        ("http://127.0.0.1:4000/api/v1", "http://127.0.0.1:4000"),
        ("http://[::1]/api/v1", "http://[::1]:80"),
    ],
)
def test_a_model_runs_where_it_is_asked(base_url: str, host: str) -> None:
    assert model_info.remote_host(base_url) == host


@pytest.mark.parametrize("base_url", ["https://ollama.com/v1", "https://ollama.com.example/v1"])
def test_ollamas_command_line_is_never_made_to_ask_for_an_account(base_url: str) -> None:
    assert not model_info.remote_host(base_url).startswith("https://ollama.com")


def test_a_digest_is_64_hex_digits() -> None:
    """The ollama command cuts twelve off and dies of a shorter one."""
    digest = model_info.digest(FULL)

    assert len(digest) == 64
    assert set(digest) <= set("0123456789abcdef")


def test_a_digest_stays_the_same() -> None:
    """Over restarts, and while nothing but a price or a text changes: clients cache by it."""
    again = msgspec.structs.replace(FULL, description="New words.", pricing={"prompt": "0.1"})

    assert model_info.digest(again) == model_info.digest(FULL)


@pytest.mark.parametrize(
    "change",
    [
        {"id": "qwen/qwen3-30b-a3b:free"},
        {"canonical_slug": "qwen/qwen3-30b-a3b-07-25"},
        {"created": 1_745_878_605},
        {"supported_parameters": ("reasoning",)},
        {"architecture": Architecture()},
    ],
)
def test_another_model_or_another_ability_has_another_digest(change: dict[str, Any]) -> None:
    """llm-ollama takes models of one digest for one model, and keeps what it can do."""
    assert model_info.digest(msgspec.structs.replace(FULL, **change)) != model_info.digest(FULL)


OWN = Preset(model=FULL.id, system="Be brief.", parameters={"temperature": 0.5})


def test_each_own_name_has_a_digest_of_its_own() -> None:
    """And another one when what it stands for changes."""
    changed = Preset(model=FULL.id, system="Be long.", parameters={"temperature": 0.5})
    digests = [
        model_info.digest(FULL),
        model_info.digest(FULL, "mine:latest", OWN),
        model_info.digest(FULL, "other:latest", OWN),
        model_info.digest(FULL, "mine:latest", changed),
        model_info.digest(FULL, "qwen3:30b"),
    ]

    assert len(set(digests)) == 5
    assert model_info.digest(FULL, FULL.id) == model_info.digest(FULL)


@pytest.mark.parametrize(
    ("per_token", "per_million"),
    [
        ("0.0000025", Decimal("2.5")),
        (0.000001, Decimal(1)),
        ("0", Decimal(0)),
        ("-1", None),  # the price varies: a router
        (None, None),
        ("", None),
        ("free", None),
        ("NaN", None),
        ("Infinity", None),
    ],
)
def test_a_price_is_told_per_million(per_token: object, per_million: Decimal | None) -> None:
    assert model_info.usd_per_million(per_token) == per_million


@pytest.mark.parametrize(
    ("pricing", "free"),
    [
        ({"prompt": "0", "completion": "0"}, True),
        ({"prompt": "0", "completion": "0.0", "request": "0", "image": "0"}, True),
        ({"prompt": "0", "completion": "0", "request": None}, True),
        ({"prompt": "0.000001", "completion": "0"}, False),
        ({"prompt": "0", "completion": "0.000001"}, False),
        ({"prompt": "0", "completion": "0", "request": "0.005"}, False),
        ({"prompt": "-1", "completion": "-1"}, False),
        ({}, False),
    ],
)
def test_free_means_that_nothing_costs_anything(pricing: dict[str, str | None], free: bool) -> None:
    assert model_info.is_free(model(pricing=pricing)) is free


def test_a_listed_model_has_every_field() -> None:
    """Zed, Enchanted and Roo Code drop the whole list for one field that is missing or null."""
    assert sent(model_info.listed(FULL, PLACE)) == {
        "name": "qwen/qwen3-30b-a3b",
        "model": "qwen/qwen3-30b-a3b",
        "remote_model": "qwen/qwen3-30b-a3b",
        "remote_host": "https://openrouter.ai:443",
        "modified_at": "2025-04-28T22:16:44.000000Z",
        "size": 0,
        "digest": model_info.digest(FULL),
        "details": {
            "parent_model": "",
            "format": "remote",
            "family": "qwen3",
            "families": ["qwen3"],
            "parameter_size": "30B",
            "quantization_level": "unknown",
            "context_length": 40_960,
        },
        "capabilities": ["completion", "tools", "vision", "thinking"],
    }


def test_a_shown_model_has_every_field() -> None:
    """Copilot throws without capabilities, Enchanted without any of the four texts."""
    assert sent(model_info.shown(FULL, PLACE)) == {
        "license": "",
        "modelfile": (
            '# Modelfile generated by "ollama show"\n'
            "# To build a new Modelfile based on this, replace FROM with:\n"
            "# FROM qwen/qwen3-30b-a3b\n\n"
            "FROM qwen/qwen3-30b-a3b\n"
        ),
        "parameters": "",
        "template": "{{ .System }}{{ .Tools }}{{ .Prompt }}",
        "details": {
            "parent_model": "",
            "format": "remote",
            "family": "qwen3",
            "families": ["qwen3"],
            "parameter_size": "30B",
            "quantization_level": "unknown",
        },
        "remote_model": "qwen/qwen3-30b-a3b",
        "remote_host": "https://openrouter.ai:443",
        "model_info": {
            "general.architecture": "qwen3",
            "general.basename": "Qwen: Qwen3 30B A3B",
            "qwen3.context_length": 40_960,
            "general.parameter_count": 30_000_000_000,
        },
        "capabilities": ["completion", "tools", "vision", "thinking"],
        "modified_at": "2025-04-28T22:16:44.000000Z",
    }


def test_a_model_of_which_nothing_is_known_is_listed_all_the_same() -> None:
    """No field may be null, and none may be made up."""
    assert sent(model_info.listed(BARE, PLACE)) == {
        "name": "vendor/model",
        "model": "vendor/model",
        "remote_model": "vendor/model",
        "remote_host": "https://openrouter.ai:443",
        "modified_at": "2025-11-23T12:13:20.000000Z",
        "size": 0,
        "digest": model_info.digest(BARE),
        "details": {
            "parent_model": "",
            "format": "remote",
            "family": "vendor",
            "families": ["vendor"],
            "parameter_size": "unknown",
            "quantization_level": "unknown",
            "context_length": 8192,
        },
        "capabilities": ["completion"],
    }


def test_what_is_not_known_is_left_out_of_the_facts() -> None:
    assert model_info.shown(BARE, PLACE).model_info == {
        "general.architecture": "vendor",
        "general.basename": "vendor/model",
        "vendor.context_length": 8192,
    }


def test_the_catalogues_defaults_are_shown_under_ollamas_names() -> None:
    """Null there means the provider's own, which nobody tells."""
    entry = model(default_parameters={"temperature": 0.6, "top_p": None, "repetition_penalty": 1.05})

    assert model_info.shown(entry, PLACE).parameters == (
        "repeat_penalty                 1.05\ntemperature                    0.6"
    )


def test_an_own_name_is_listed_as_a_model_made_from_another() -> None:
    own = msgspec.structs.replace(OWN, created_s=1_763_000_000)

    entry = sent(model_info.listed(FULL, PLACE, name="mine:latest", preset=own))

    assert entry == sent(model_info.listed(FULL, PLACE)) | {
        "name": "mine:latest",
        "model": "mine:latest",
        "modified_at": "2025-11-13T02:13:20.000000Z",
        "digest": model_info.digest(FULL, "mine:latest", own),
        "details": entry["details"] | {"parent_model": "qwen/qwen3-30b-a3b"},
    }


def test_an_own_name_shows_all_that_it_stands_for() -> None:
    entry = msgspec.structs.replace(FULL, default_parameters={"temperature": 1, "top_p": 0.95})
    own = Preset(
        model=FULL.id,
        system="Be brief.",
        parameters={"temperature": 0.5, "stop": ["END"]},
        messages=[Message(role="user", content="Hi"), Message(role="assistant", content="Yes?")],
        template="{{ .Prompt }}",
        license="MIT",
        created_s=1_763_000_000,
    )

    shown = sent(model_info.shown(entry, PLACE, name="mine:latest", preset=own))

    assert {key: shown[key] for key in ("license", "parameters", "template", "system", "messages", "modified_at")} == {
        "license": "MIT",
        "parameters": (
            'stop                           "END"\n'
            "temperature                    0.5\n"
            "top_p                          0.95"
        ),
        "template": "{{ .Prompt }}",
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"}],
        "modified_at": "2025-11-13T02:13:20.000000Z",
    }
    assert shown["details"]["parent_model"] == shown["remote_model"] == "qwen/qwen3-30b-a3b"
    assert shown["model_info"]["general.basename"] == "mine:latest"
    assert "FROM qwen/qwen3-30b-a3b\n" in shown["modelfile"]
    assert 'SYSTEM """Be brief."""\n' in shown["modelfile"]


def test_the_length_of_vectors_is_told_once_it_is_known() -> None:
    """Clients that build an index read it; the catalogue does not hold it."""
    entry = makes("embeddings")

    assert sent(model_info.listed(entry, PLACE, vector_length=1024))["details"]["embedding_length"] == 1024
    assert model_info.shown(entry, PLACE, vector_length=1024).model_info["vendor.embedding_length"] == 1024
    assert "embedding_length" not in sent(model_info.listed(entry, PLACE))["details"]
    assert "vendor.embedding_length" not in model_info.shown(entry, PLACE).model_info


def test_a_router_is_an_ordinary_model_of_its_own_vendor() -> None:
    entry = ModelEntry(
        id="openrouter/auto",
        context_length=2_000_000,
        architecture=Architecture(input_modalities=("text", "image"), tokenizer="Router"),
        pricing={"prompt": "-1", "completion": "-1"},
        supported_parameters=("tools",),
    )

    listed = sent(model_info.listed(entry, PLACE))

    assert listed["capabilities"] == ["completion", "tools", "vision"]
    assert listed["details"]["family"] == "openrouter"
    assert listed["details"]["context_length"] == 2_000_000


def test_a_model_without_tools_shows_none_in_its_template() -> None:
    """LiteLLM reads the template as evidence."""
    assert model_info.shown(BARE, PLACE).template == "{{ .System }}{{ .Prompt }}"


def test_a_label_stands_in_for_the_display_name() -> None:
    """Copilot's picker shows it, and has to tell models apart by it."""
    facts = model_info.shown(FULL, PLACE, label="qwen3-30b-a3b:latest").model_info

    assert facts["general.basename"] == "qwen3-30b-a3b:latest"


@pytest.mark.parametrize("created", [0, -1, 1_745_878_604_000, 10**18])
def test_a_model_without_a_believable_date_has_the_catalogues(created: int) -> None:
    """Never 1970; and one row with milliseconds must not cost the whole list."""
    entry = model(created=created)

    dates = {model_info.listed(entry, PLACE).modified_at, model_info.shown(entry, PLACE).modified_at}

    assert dates == {"2025-11-23T12:13:20.000000Z"}

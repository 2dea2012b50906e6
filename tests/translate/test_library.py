"""Names of Ollama's library: the same open model, or nothing."""

import re

import pytest

from tray_proxy.translate.library import LIBRARY, Library, weights
from tray_proxy.translate.names import folded, is_valid


@pytest.mark.parametrize(
    ("name", "tag", "found"),
    [
        ("llama3", "", "meta-llama/Meta-Llama-3-8B-Instruct"),
        ("llama3.1", "", "meta-llama/Llama-3.1-8B-Instruct"),
        ("llama3.1", "405b", "meta-llama/Llama-3.1-405B-Instruct"),
        ("llama3.2", "", "meta-llama/Llama-3.2-3B-Instruct"),
        ("llama3.2-vision", "90b", "meta-llama/Llama-3.2-90B-Vision-Instruct"),
        ("llama4", "maverick", "meta-llama/Llama-4-Maverick-17B-128E-Instruct"),
        ("mistral", "", "mistralai/Mistral-7B-Instruct-v0.3"),
        ("mistral-nemo", "", "mistralai/Mistral-Nemo-Instruct-2407"),
        ("mixtral", "8x22b", "mistralai/Mixtral-8x22B-Instruct-v0.1"),
        ("qwen2.5-coder", "32b", "Qwen/Qwen2.5-Coder-32B-Instruct"),
        ("qwen2.5vl", "72b", "Qwen/Qwen2.5-VL-72B-Instruct"),
        ("qwen3", "", "Qwen/Qwen3-8B"),
        ("qwen3-coder", "480b", "Qwen/Qwen3-Coder-480B-A35B-Instruct"),
        ("gemma3", "27b", "google/gemma-3-27b-it"),
        ("phi4", "", "microsoft/phi-4"),
        ("gpt-oss", "", "openai/gpt-oss-20b"),
        ("nomic-embed-text", "", "nomic-ai/nomic-embed-text-v1.5"),
        ("all-minilm", "", "sentence-transformers/all-MiniLM-L6-v2"),
        ("qwen3-embedding", "0.6b", "Qwen/Qwen3-Embedding-0.6B"),
    ],
)
def test_a_tag_means_the_open_model_that_ollama_serves_under_it(name: str, tag: str, found: str) -> None:
    assert weights(name, tag) == found


@pytest.mark.parametrize(
    ("tag", "found"),
    [
        ("", "DeepSeek-R1-0528-Qwen3-8B"),
        ("1.5b", "DeepSeek-R1-Distill-Qwen-1.5B"),
        ("7b", "DeepSeek-R1-Distill-Qwen-7B"),
        ("8b", "DeepSeek-R1-0528-Qwen3-8B"),
        ("14b", "DeepSeek-R1-Distill-Qwen-14B"),
        ("32b", "DeepSeek-R1-Distill-Qwen-32B"),
        ("70b", "DeepSeek-R1-Distill-Llama-70B"),
        ("671b", "DeepSeek-R1-0528"),
        ("8b-llama-distill-q4_k_m", "DeepSeek-R1-Distill-Llama-8B"),
        ("14b-qwen-distill-q8_0", "DeepSeek-R1-Distill-Qwen-14B"),
        ("671b-0528-q4_k_m", "DeepSeek-R1-0528"),
        ("671b-q4_k_m", "DeepSeek-R1"),
    ],
)
def test_each_size_of_deepseek_r1_is_another_model(tag: str, found: str) -> None:
    """Only the largest is DeepSeek's own; whoever asks for a small one must not get the bill of the large one."""
    assert weights("deepseek-r1", tag) == f"deepseek-ai/{found}"


@pytest.mark.parametrize(
    ("name", "tag", "found"),
    [
        ("llama3.1", "8b-instruct-q4_k_m", "meta-llama/Llama-3.1-8B-Instruct"),
        ("llama3.1", "8b-instruct-fp16", "meta-llama/Llama-3.1-8B-Instruct"),
        ("llama3", "instruct", "meta-llama/Meta-Llama-3-8B-Instruct"),
        ("mistral", "7b-instruct-v0.3-q4_0", "mistralai/Mistral-7B-Instruct-v0.3"),
        ("mistral", "7b-instruct-v0.2-q4_0", "mistralai/Mistral-7B-Instruct-v0.2"),
        ("gemma3", "27b-it-qat", "google/gemma-3-27b-it"),
        ("qwen3", "30b-a3b-instruct-2507-q4_k_m", "Qwen/Qwen3-30B-A3B-Instruct-2507"),
        ("gpt-oss", "120b-cloud", "openai/gpt-oss-120b"),
        ("kimi-k2", "1t-cloud", "moonshotai/Kimi-K2-Instruct-0905"),
        ("glm-4.6", "cloud", "zai-org/GLM-4.6"),
    ],
)
def test_a_long_tag_of_the_same_weights_means_the_same(name: str, tag: str, found: str) -> None:
    """How they are quantized is the provider's business."""
    assert weights(name, tag) == found


@pytest.mark.parametrize(
    ("name", "bare", "new", "quantized", "old"),
    [
        ("qwen3", "4b", "Qwen/Qwen3-4B-Thinking-2507", "4b-q4_k_m", "Qwen/Qwen3-4B"),
        ("qwen3", "30b-a3b", "Qwen/Qwen3-30B-A3B-Thinking-2507", "30b-a3b-fp16", "Qwen/Qwen3-30B-A3B"),
        ("mistral", "7b-instruct", "mistralai/Mistral-7B-Instruct-v0.3", "7b-instruct-q4_0",
         "mistralai/Mistral-7B-Instruct-v0.1"),
    ],
)  # fmt: skip
def test_a_quantized_tag_stays_with_the_model_that_the_bare_tag_has_left(
    name: str, bare: str, new: str, quantized: str, old: str
) -> None:
    assert weights(name, bare) == new
    assert weights(name, quantized) == old


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("llama3.1", "8b-text-q4_0"),  # the base model, which does not chat
        ("qwen2.5-coder", "7b-base"),
        ("llama3.1", "13b"),
        ("qwen3", "4b-q"),  # the table's own mark
        ("qwen3-vl", ""),  # which of the two kinds it is, is not known for certain
        ("gpt-4o", ""),
        ("", ""),
    ],
)
def test_what_is_not_the_same_weights_is_not_put_in_its_place(name: str, tag: str) -> None:
    assert weights(name, tag) is None


def test_a_model_is_found_by_its_name_on_hugging_face_in_any_case() -> None:
    library = Library([("qwen/qwq-32b", "qwen/qwq-32b"), ("other/model", None)])

    assert library.find("qwq") == "qwen/qwq-32b"
    assert library.find("qwq:32b") == "qwen/qwq-32b"


@pytest.mark.parametrize(
    ("hugging_face_id", "name"),
    [
        ("meta-llama/Meta-Llama-3.1-8B-Instruct", "llama3.1:8b"),
        ("CohereLabs/c4ai-command-a-03-2025", "command-a"),
        ("THUDM/glm-4-9b-chat", "glm4"),
        ("dphn/Dolphin3.0-Llama3.1-8B", "dolphin3"),
    ],
)
def test_a_model_is_found_by_the_name_it_had_before_it_was_renamed(hugging_face_id: str, name: str) -> None:
    assert Library([("a/b", hugging_face_id)]).find(name) == "a/b"


def test_a_model_that_is_not_served_is_not_found() -> None:
    assert Library([("a/b", "Qwen/Qwen3-14B")]).find("qwen3:8b") is None


@pytest.mark.parametrize(
    ("ids", "chosen"),
    [
        (["qwen/qwq-32b:free", "qwen/qwq-32b"], "qwen/qwq-32b"),
        (["qwen/qwq-32b:batch", "qwen/qwq-32b:free"], "qwen/qwq-32b:free"),
        (["~qwen/qwq-latest", "qwen/qwq-32b"], "qwen/qwq-32b"),
    ],
)
def test_the_model_itself_goes_before_its_variants(ids: list[str], chosen: str) -> None:
    """The free one has a limit a day, which would look like a fault."""
    assert Library((model_id, "Qwen/QwQ-32B") for model_id in ids).find("qwq") == chosen


def test_a_variant_that_is_answered_hours_later_serves_nobody() -> None:
    assert Library([("qwen/qwq-32b:batch", "Qwen/QwQ-32B")]).find("qwq") is None


def test_names_are_told_as_ollama_would_list_them() -> None:
    library = Library(
        [("a/small", "meta-llama/Llama-3.2-3B-Instruct"), ("a/large", "meta-llama/Llama-3.3-70B-Instruct")]
    )

    assert list(library.names()) == [
        ("llama3.2:3b", "a/small"),
        ("llama3.2:latest", "a/small"),
        ("llama3.3:70b", "a/large"),
        ("llama3.3:latest", "a/large"),
    ]


def test_each_name_of_the_table_finds_its_model_and_can_be_called() -> None:
    """What is listed must be found again by the very name that was listed."""
    every = {found for family in LIBRARY.values() for found in family.tags.values()}
    library = Library((found, found) for found in every)

    for name, found in library.names():
        assert is_valid(name)
        assert library.find(folded(name)) == found
    assert {found for _, found in library.names()} == {
        found for family in LIBRARY.values() for tag, found in family.tags.items() if not tag.endswith("-q")
    }


def test_every_row_names_a_tag_and_a_model() -> None:
    for name, family in LIBRARY.items():
        assert family.latest in ("", *family.tags), name
        for tag, found in family.tags.items():
            assert re.fullmatch(r"[a-z0-9.-]+", tag), (name, tag)
            assert re.fullmatch(r"[\w-]+/[\w.-]+", found), (name, found)

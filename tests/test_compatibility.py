"""The documents of what is compatible say of every route, field and option what becomes of it, and are held to that."""

import re
from functools import cache
from pathlib import Path

import msgspec
import pytest

from tray_proxy.server.app import ROUTES
from tray_proxy.translate.options import OPTION_RULES, Dropped, Renamed
from tray_proxy.wire import anthropic, ollama, openai, responses

DOCS = Path(__file__).parents[1] / "docs"
# A document for each door.
DOCUMENTS = {False: DOCS / "ollama-compatibility.md", True: DOCS / "v1-compatibility.md"}
WORDS = {"sent on", "used here", "dropped", "refused"}

REQUESTS = {
    "POST /api/chat": ollama.ChatRequest,
    "a message of a chat": ollama.Message,
    "POST /api/generate": ollama.GenerateRequest,
    "POST /api/embed": ollama.EmbedRequest,
    "POST /api/embeddings": ollama.EmbeddingsRequest,
    "POST /api/show": ollama.ShowRequest,
    "pull, push and delete": ollama.ModelRequest,
    "POST /api/copy": ollama.CopyRequest,
    "POST /api/create": ollama.CreateRequest,
    "POST /v1/chat/completions": openai.ChatCompletionRequest,
    "a message of OpenAI's chat": openai.ChatMessage,
    "POST /v1/completions": openai.CompletionRequest,
    "POST /v1/embeddings": openai.EmbeddingsRequest,
    "POST /v1/audio/transcriptions": openai.TranscriptionRequest,
    "POST /v1/responses": responses.ResponsesRequest,
    "an item of a response's input": responses.InputItem,
    "POST /v1/messages": anthropic.MessagesRequest,
    "a block of a message": anthropic.ContentBlock,
}
ANSWERS = {
    "POST /api/chat": ollama.ChatResponse,
    "a message of a chat": ollama.ResponseMessage,
    "POST /api/generate": ollama.GenerateResponse,
    "POST /api/embed": ollama.EmbedResponse,
    "POST /api/embeddings": ollama.EmbeddingsResponse,
    "POST /api/show": ollama.ShowResponse,
    "GET /api/tags": ollama.ListedModel,
    "details of a model": ollama.ModelDetails,
    "GET /api/ps": ollama.ProcessModel,
    "pull, push and delete": ollama.ProgressResponse,
    "POST /v1/chat/completions": openai.ChatCompletion,
    "a message of OpenAI's chat": openai.AnswerMessage,
    "POST /v1/completions": openai.TextCompletion,
    "POST /v1/embeddings": openai.EmbeddingList,
    "POST /v1/audio/transcriptions": openai.Transcription,
    "GET /v1/models": openai.Model,
    "POST /v1/responses": responses.Response,
    "POST /v1/messages": anthropic.MessagesResponse,
}
# What Ollama itself takes, from its published OpenAPI file and `api/types.go`.
TAKEN_BY_OLLAMA = {
    "POST /api/chat": (
        "model messages stream format keep_alive options think tools truncate shift logprobs top_logprobs "
        "_debug_render_only"
    ),
    "a message of a chat": "role content thinking images tool_calls tool_name tool_call_id",
    "POST /api/generate": (
        "model prompt suffix system template context stream raw format keep_alive images options think truncate shift "
        "logprobs top_logprobs _debug_render_only"
    ),
    "POST /api/embed": "model input truncate dimensions keep_alive options",
    "POST /api/embeddings": "model prompt keep_alive options",
    "POST /api/show": "model name verbose system template options",
    "pull, push and delete": "model name stream insecure username password",
    "POST /api/copy": "source destination",
    "POST /api/create": (
        "model name stream from system template license parameters messages files adapters quantize renderer parser "
        "requires remote_host"
    ),
    # Of OpenAI's published API, with the fields that Ollama's `openai/openai.go` adds.
    "POST /v1/chat/completions": (
        "messages model modalities verbosity reasoning_effort max_completion_tokens frequency_penalty presence_penalty "
        "web_search_options top_logprobs response_format audio store stream stop logit_bias logprobs max_tokens n "
        "prediction seed stream_options tools tool_choice parallel_tool_calls function_call functions metadata "
        "temperature top_p user safety_identifier prompt_cache_key service_tier reasoning"
    ),
    "a message of OpenAI's chat": ("role content name tool_calls tool_call_id refusal audio function_call reasoning"),
    "POST /v1/completions": (
        "model prompt best_of echo frequency_penalty logit_bias logprobs max_tokens n presence_penalty seed stop "
        "stream stream_options suffix temperature top_p user"
    ),
    "POST /v1/embeddings": "input model encoding_format dimensions user",
    "POST /v1/audio/transcriptions": (
        "file model chunking_strategy include known_speaker_names known_speaker_references language prompt "
        "response_format stream temperature timestamp_granularities"
    ),
    "POST /v1/responses": (
        "model input instructions stream max_output_tokens temperature top_p top_logprobs include reasoning text tools "
        "tool_choice parallel_tool_calls service_tier user metadata prompt_cache_key previous_response_id conversation "
        "store prompt background background_options truncation context_management max_tool_calls stream_options "
        "prompt_cache_options prompt_cache_retention safety_identifier moderation access_programs image"
    ),
    "an item of a response's input": (
        "type role content call_id namespace name arguments input output summary encrypted_content tools id status "
        "phase"
    ),
    # Of Anthropic's published API.
    "POST /v1/messages": (
        "model max_tokens messages system stream temperature top_p top_k stop_sequences tools tool_choice thinking "
        "output_config metadata service_tier container context_management mcp_servers cache_control inference_geo"
    ),
    "a block of a message": (
        "type text source title context id name input tool_use_id content is_error thinking signature citations "
        "cache_control"
    ),
}
OPTIONS_OF_OLLAMA = (
    "temperature top_p top_k min_p seed num_predict stop repeat_penalty presence_penalty frequency_penalty typical_p "
    "repeat_last_n num_keep num_ctx num_batch num_gpu main_gpu num_thread draft_num_predict use_mmap"
)


@cache
def tables() -> dict[tuple[str, str], dict[str, list[str]]]:
    """Return each table's rows by chapter and section: first cell without its marks → the other cells."""
    chapter = section = ""
    found: dict[tuple[str, str], dict[str, list[str]]] = {}
    for line in (line for each in DOCUMENTS.values() for line in each.read_text(encoding="utf-8").splitlines()):
        if line.startswith("## "):
            chapter, section = line[3:].strip("`"), ""
        elif line.startswith("### "):
            section = line[4:]
        elif line.startswith("| `"):
            first, *rest = (cell.strip() for cell in line.strip("|").split("|"))
            found.setdefault((chapter, section), {})[first.strip("`")] = rest
    return found


def fields(shape: type[msgspec.Struct]) -> set[str]:
    tag = shape.__struct_config__.tag_field
    return {field.encode_name for field in msgspec.structs.fields(shape)} | ({tag} if tag else set())


@pytest.mark.parametrize("is_v1", DOCUMENTS)
def test_each_route_is_listed_with_its_methods_and_no_other(is_v1):
    text = DOCUMENTS[is_v1].read_text(encoding="utf-8").partition("## Routes")[2].partition("\n## ")[0]
    listed = set(re.findall(r"^\| ([A-Z, ]+) \| `([^`]+)` \|", text, re.MULTILINE))

    assert listed == {
        (methods.replace(",", ", "), path) for methods, path, _ in ROUTES if path.startswith("/v1/") == is_v1
    }


@pytest.mark.parametrize("chapter", REQUESTS)
def test_each_field_of_a_request_has_its_row(chapter):
    """What is read stands there as used; what is not read stands there as dropped or refused, with the reason."""
    rows = tables()[chapter, "Request"]
    read = fields(REQUESTS[chapter])

    assert {name: row[0] for name, row in rows.items() if row[0] not in WORDS} == {}
    assert {name for name, row in rows.items() if not row[1]} == set()
    assert read - set(rows) == set()
    assert {name for name, row in rows.items() if row[0] in ("sent on", "used here")} - read == set()


@pytest.mark.parametrize("chapter", TAKEN_BY_OLLAMA)
def test_nothing_that_ollama_takes_is_passed_over_in_silence(chapter):
    assert set(TAKEN_BY_OLLAMA[chapter].split()) - set(tables()[chapter, "Request"]) == set()


@pytest.mark.parametrize("chapter", ANSWERS)
def test_each_field_of_an_answer_has_its_row_and_no_other(chapter):
    assert set(tables()[chapter, "Answer"]) == fields(ANSWERS[chapter])


def test_each_option_has_its_row_and_no_other():
    assert set(tables()["Options", ""]) == set(OPTION_RULES)
    assert set(OPTIONS_OF_OLLAMA.split()) - set(OPTION_RULES) == set()


@pytest.mark.parametrize("name", OPTION_RULES)
def test_an_options_row_says_what_the_code_does(name):
    row = tables()["Options", ""][name]

    match OPTION_RULES[name]:
        case Renamed(field, _):
            assert row[0] == "sent on"
            assert row[1].startswith(f"`{field}`")
        case Dropped(reason):
            assert row == ["dropped", reason]

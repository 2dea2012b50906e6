"""Whether a candidate does what it is measured at: a speed says nothing of answers that are wrong."""

import http.client
import json
import re
from functools import partial
from typing import Any

from benchmarks.speed import bodies
from benchmarks.speed.rig import Rig, Running

# As `upstream.c` sends them, one after the other.
WORDS = [" the", " model", " answers", "\n", ' "quoted"', " café", " naïve", " 😀", " 🚀", " {brace}"]
WORDS += [" back\\slash", " data: [DONE]", "\t", " 漢字", " tokens", "."]
MARK = re.compile(r"\[\[t=\d+;i=(\d+)\]\]")
CHUNKS = 40
WANTED = "".join(WORDS[number % len(WORDS)] for number in range(CHUNKS))
MODELS = 400
DIMENSIONS = 1536
PICTURE_KIB = 100
# Fields of the last line, by Ollama's own description.
FIELDS = ["model", "created_at", "done", "done_reason", "total_duration", "load_duration", "prompt_eval_count"]
FIELDS += ["prompt_eval_duration", "eval_count", "eval_duration"]


class Refused(Exception):
    """An answer without status 200."""


def check(rig: Rig, running: Running) -> list[str]:
    """Ask a candidate for one of everything; give what was wrong, in words, or nothing."""
    rig.configure(n=CHUNKS, delay_us=1000)
    steps = {
        "stream": partial(_stream, running),
        "plain answer": partial(_plain, running),
        "tools": partial(_tools, rig, running),
        "picture": partial(_picture, rig, running),
        "list of models": partial(_listed, running),
        "embedding": partial(_embedding, running),
    }
    problems = []
    for name, step in steps.items():
        if name in running.candidate.unchecked:
            continue
        try:
            problems += [f"{name}: {problem}" for problem in step()]
        except Refused as error:
            problems.append(f"{name}: {error}")
        except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError, AttributeError) as error:
            problems.append(f"{name}: {type(error).__name__}: {error}")
    return problems


def ask(running: Running, path: str, body: bytes | None) -> tuple[http.client.HTTPMessage, str]:
    """
    Ask a candidate, and read the answer to its end.

    Raises:
        Refused: the status is not 200.
    """
    headers = {"Content-Type": "application/json"}
    headers |= dict(line.split(": ", 1) for line in running.candidate.headers)
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=20)
    try:
        connection.request("GET" if body is None else "POST", path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
    finally:
        connection.close()
    if answer.status != 200:
        raise Refused(f"status {answer.status}: {' '.join(text[:150].split())}")
    return answer.headers, text


def _text_problems(text: str) -> list[str]:
    if [int(index) for index in MARK.findall(text)] != list(range(CHUNKS)):
        return ["chunks are missing or out of order"]
    return [] if MARK.sub("", text) == WANTED else ["the text differs from what the upstream sent"]


def _stream(running: Running) -> list[str]:
    candidate = running.candidate
    headers, text = ask(running, candidate.chat_path, bodies.chat(candidate))
    if candidate.dialect == "openai":
        events = [line[5:].strip() for line in text.splitlines() if line.startswith("data:")]
        choices = [json.loads(event)["choices"] for event in events if event != "[DONE]"]
        return _text_problems("".join((choice[0]["delta"].get("content") or "") for choice in choices if choice))
    problems = [] if "ndjson" in (headers["content-type"] or "") else [f"it is sent as {headers['content-type']}"]
    lines: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    content = "".join((line.get("message") or {}).get("content") or "" for line in lines)
    problems += _text_problems(content) if content else ["no line holds a message with content"]
    last = lines[-1]
    problems += [f"the last line lacks {name}" for name in FIELDS if name not in last]
    if last.get("done") is not True:
        problems.append("the last line is not done")
    if last.get("eval_count", CHUNKS) != CHUNKS:
        problems.append(f"{last['eval_count']} tokens are reported, not {CHUNKS}")
    return problems


def _plain(running: Running) -> list[str]:
    candidate = running.candidate
    _, text = ask(running, candidate.chat_path, bodies.chat(candidate, stream=False))
    answer = json.loads(text)
    message = answer["message"] if candidate.dialect == "ollama" else answer["choices"][0]["message"]
    return _text_problems(message["content"])


def _tools(rig: Rig, running: Running) -> list[str]:
    rig.statistics(reset=True)
    ask(running, running.candidate.chat_path, bodies.chat_with_tool(running.candidate))
    return [] if rig.statistics()["last_body"] >= bodies.TOOL_SIZE else ["they do not reach the upstream"]


def _picture(rig: Rig, running: Running) -> list[str]:
    rig.statistics(reset=True)
    ask(running, running.candidate.chat_path, bodies.chat(running.candidate, picture_kib=PICTURE_KIB))
    whole = rig.statistics()["last_body"] >= PICTURE_KIB * 1024
    return [] if whole else ["it does not reach the upstream"]


def _listed(running: Running) -> list[str]:
    _, text = ask(running, running.candidate.list_path, None)
    listed = json.loads(text)["models" if running.candidate.dialect == "ollama" else "data"]
    return [] if len(listed) >= MODELS else [f"{len(listed)} models instead of {MODELS}"]


def _embedding(running: Running) -> list[str]:
    _, text = ask(running, running.candidate.embed_path, bodies.embedding())
    answer = json.loads(text)
    ollama = running.candidate.dialect == "ollama"
    vector = answer["embeddings"][0] if ollama else answer["data"][0]["embedding"]
    return [] if len(vector) == DIMENSIONS else [f"{len(vector)} numbers instead of {DIMENSIONS}"]

"""What is measured: one row for each scenario, and how it is run."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.speed import bodies, leaving, weight
from benchmarks.speed.rig import Rig, Run, Running

# How long a new connection to the upstream takes, where that matters: as long as TCP and TLS to a host 20 ms away.
CONNECTION_US = 60_000
SILENCE_S = 8.0
KIB_10M = 10 * 1024


@dataclass(frozen=True)
class Scenario:
    """One thing that is measured; `columns` are what of a run is shown, the chief one first."""

    what: str
    columns: tuple[str, ...]
    run: Callable[[Rig, Running], Run]
    repetitions: int | None = None


def streams(
    clients: int, requests: int, chunks: int, *, per_s: int = 0, ramp_ms: int = 0, for_ms: int = 0, warm: int = 0
) -> Callable[[Rig, Running], Run]:
    """Stream to so many clients, each with so many chunks a second; 0 sends them with no delay."""

    def run(rig: Rig, running: Running) -> Run:
        delay_us = 1_000_000 // per_s if per_s else 0
        rig.configure(n=chunks, delay_us=delay_us, jitter_pct=20 if per_s else 0)
        return rig.load(
            running,
            body=bodies.chat(running.candidate),
            clients=clients,
            requests=requests,
            chunks=chunks,
            ramp_ms=ramp_ms,
            for_ms=for_ms,
            warm=warm,
        )

    return run


def solo(rig: Rig, running: Running) -> Run:
    """Ask short questions, one after the other."""
    rig.configure(n=8, delay_us=1500, first_us=500)
    return rig.load(running, body=bodies.chat(running.candidate), requests=230, chunks=8, warm=30)


def plain(rig: Rig, running: Running) -> Run:
    """Ask for answers in one piece."""
    rig.configure(n=200)
    body = bodies.chat(running.candidate, stream=False)
    return rig.load(running, body=body, for_ms=1000, chunks=200, end="none", warm=5)


def tags(rig: Rig, running: Running) -> Run:
    """List the models."""
    rig.configure()
    return rig.load(running, body=None, path=running.candidate.list_path, for_ms=1000, end="none", warm=3)


def embed(rig: Rig, running: Running) -> Run:
    """Turn texts into vectors."""
    rig.configure()
    path = running.candidate.embed_path
    return rig.load(running, body=bodies.embedding(), path=path, for_ms=1000, end="none", warm=3)


def large(*, text_kib: int = 0, picture_kib: int = 0) -> Callable[[Rig, Running], Run]:
    """Send a large question; its answer is short."""
    kib = text_kib or picture_kib

    def run(rig: Rig, running: Running) -> Run:
        rig.configure(n=3)
        before = running.memory_mib()
        body = bodies.chat(running.candidate, text_kib=text_kib, picture_kib=picture_kib)
        done = rig.load(running, body=body, requests=12 if kib >= 1024 else 60, chunks=3, warm=1)
        if not done["errors"] and done["last_body"] < kib * 1024 * 0.99:
            done["errors"] += 1
            done["error_sample"] = f"the upstream got {done['last_body']} bytes only"
        grown = done["memory_peak_mib"] - before
        return done | {"memory_growth_mib": grown, "cpu_ms_per_mib": done["cpu_ms_per_request"] * 1024 / kib}

    return run


def gap(rig: Rig, running: Running) -> Run:
    """Ask again after a silence."""
    rig.configure(n=3, conn_us=CONNECTION_US)
    body = bodies.chat(running.candidate)
    rig.load(running, body=body, requests=3, chunks=3)
    weight.pause(SILENCE_S)
    done = rig.load(running, body=body, requests=1, chunks=3)
    return {
        "ttft_after_silence_ms": done["ttft_us"]["p50"] / 1e3,
        "upstream_connections": done["upstream_connections"],
        "errors": done["errors"],
    }


PACED = ("lat_us.p50", "lat_us.p99", "ttft_us.p50", "cpu_ms_per_1k", "core_pct", "memory_peak_mib", "tokens_per_read")
FLOOD = ("tps", "cpu_ms_per_1k", "memory_peak_mib", "tokens_per_read")
SHORT = ("rps", "total_us.p50", "total_us.p99", "cpu_ms_per_request")
LARGE = ("ttft_us.p50", "cpu_ms_per_mib", "memory_growth_mib")

SCENARIOS = {
    "start": Scenario(
        "from the start to the first answers; a new connection to the upstream takes 60 ms (nginx opens one at once)",
        ("start_ms", "start_cpu_ms", "import_cpu_ms", "first_ttft_ms", "first_over_later_ms", "memory_idle_mib"),
        weight.start,
        repetitions=5,
    ),
    "at_once": Scenario(
        "a request in the moment in which the port answers; a new connection to the upstream takes 60 ms",
        ("first_ttft_ms",),
        weight.at_once,
    ),
    "solo": Scenario(
        "one client, 200 short answers in turn",
        ("ttft_us.p50", "ttft_us.p99", "lat_us.p50", "lat_us.p99", "cpu_ms_per_request"),
        solo,
        # What is judged is a difference beside another one: of three runs it varies by a fifth.
        repetitions=9,
    ),
    "paced16": Scenario("16 streams of 40 tokens a second", PACED, streams(16, 16, 80, per_s=40, ramp_ms=400)),
    "paced128": Scenario("128 streams of 40 tokens a second", PACED, streams(128, 128, 80, per_s=40, ramp_ms=1000)),
    "paced512": Scenario("512 streams of 20 tokens a second", PACED, streams(512, 512, 60, per_s=20, ramp_ms=1500)),
    "flood1": Scenario("one stream, tokens with no delay", FLOOD, streams(1, 20, 2000, warm=1)),
    "flood16": Scenario("16 streams, tokens with no delay", FLOOD, streams(16, 96, 500)),
    "flood512": Scenario("512 streams, tokens with no delay", FLOOD, streams(512, 512, 100)),
    "rps1": Scenario("one client, answers of one token", SHORT, streams(1, 1_000_000, 1, for_ms=1000, warm=5)),
    "rps16": Scenario("16 clients, answers of one token", SHORT, streams(16, 1_000_000, 1, for_ms=1500, warm=1)),
    "rps128": Scenario("128 clients, answers of one token", SHORT, streams(128, 1_000_000, 1, for_ms=2000, warm=1)),
    "plain": Scenario("one client, answers of 200 tokens in one piece", SHORT, plain),
    "tags": Scenario(
        "the list of 400 models (direct and nginx: OpenRouter's own, as it is)",
        (*SHORT[1:], "rps", "bytes_per_request"),
        tags,
    ),
    "embed": Scenario("one client, one text to a vector of 1,536 numbers", (*SHORT[1:], "rps"), embed),
    "text100k": Scenario("100 KiB of text in the question", LARGE, large(text_kib=100)),
    "image1m": Scenario("a picture of 1 MiB as base64", LARGE, large(picture_kib=1024)),
    "image10m": Scenario("a picture of 10 MiB as base64", LARGE, large(picture_kib=KIB_10M)),
    "abort": Scenario("the client leaves in the middle of a stream (watched for 3.5 s)", ("abort_ms",), leaving.midway),
    "abort_waiting": Scenario(
        "the client leaves before the first token (watched for 3.5 s)", ("abort_ms",), leaving.waiting
    ),
    "abort_plain": Scenario(
        "the client leaves before an answer in one piece (watched for 3.5 s)", ("abort_ms",), leaving.plain
    ),
    "gap": Scenario(
        "a request after 8 s of silence; a new connection to the upstream takes 60 ms",
        ("ttft_after_silence_ms", "upstream_connections"),
        gap,
    ),
}
QUICK = ("solo", "paced128", "paced512", "flood16", "rps16", "tags", "image10m", "abort", "start", "gap")

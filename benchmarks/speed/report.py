"""What is printed, and `docs/measurements.md`, from what was measured; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import fill
from typing import Any

from benchmarks.speed.candidates import NGINX, OURS
from benchmarks.speed.figures import NOISY_PCT, Figures, table, written
from benchmarks.speed.scenarios import SCENARIOS
from benchmarks.speed.targets import judge

# What a measurement holds: `machine`, `begun` (when each scenario was measured), `checks` and `runs`.
Measurement = dict[str, Any]
WIDTH = 120

INTRODUCTION = """# Measurements

What Tray Proxy adds to a call, what it weighs, and what it goes through unharmed: figures, with the commands that take
them again. They are of one computer and one day. This page is written by those commands; do not edit it by hand.

"""
READING = f"""The upstream that stands in for OpenRouter, the client and the proxy run on one computer, over plain HTTP
unless a line says TLS. The proxy has one processor for itself. Each token carries the time at which it was sent, so
that a delay is from the upstream's write to the client's arrival, with the proxy between. *direct* is no proxy at all;
*nginx* passes everything on as it is, untranslated, and is about as little as a proxy can do.

Compare inside a table only: its lines were measured in turn, in one go, and are medians. “×” is the first figure beside
nginx's. “others, %” is the share of one processor that other programs took meanwhile; a run above {NOISY_PCT:g} counts
only where there was no quieter one. An error is an answer with a token missing, out of order or without an end; a
figure with errors is worth nothing.
"""
SECTIONS: dict[str, tuple[str, ...]] = {
    "One client": ("solo", "rps1", "plain", "embed"),
    "Many streams": ("paced16", "paced128", "paced512", "flood1", "flood16", "flood512"),
    "Many short requests": ("rps16", "rps128"),
    "The list of models": ("tags",),
    "Large questions": ("text100k", "image1m", "image10m"),
    "The client leaves": ("abort", "abort_waiting", "abort_plain"),
    "Starting, and after a silence": ("start", "at_once", "gap"),
}


@dataclass(frozen=True)
class Elsewhere:
    """A section of the page about what another program printed: its heading, what it does, its command line."""

    heading: str
    what: str
    command: str


# By the name of the file that holds what was printed.
ELSEWHERE = {
    "picture_memory": Elsewhere(
        "A picture in memory",
        "How much a proxy's memory grows at most while it passes one picture on: by the request's size, at best.",
        "benchmarks/picture_memory.py 10",
    ),
    "tray": Elsewhere(
        "The tray",
        "With an icon, on a desktop of its own: what a person notices, and what it takes while nothing happens.",
        "benchmarks/tray.py",
    ),
    "soak": Elsewhere(
        "Mixed work for a long time",
        "Apps of every dialect ask for streams, plain answers, pictures, vectors and lists; some leave in the middle, "
        "and some questions meet an upstream that fails. Nothing may be kept of it after the end.",
        "benchmarks/soak.py MINUTES",
    ),
    "faults": Elsewhere(
        "Faults and attacks",
        "The n-th byte, chunk or connection fails, for all n; clients leave at every moment; answers are framed oddly, "
        "or have no end; the program is killed while it answers; the key is looked for in all that leaves it. Each "
        "test says what must become of it.",
        "-m pytest -q tests/faults tests/attacks tests/properties",
    ),
}
OTHERS = """## Other proxies

Those that the package index has and that can be pointed at another upstream, in the version that it gives
(`benchmarks/speed/peers.py`). Each was asked for one of everything before it was measured. What was wrong:

"""
LIMITS = """## What these figures do not say

OpenRouter and the models behind it take far longer than anything here, and the way there has delays of its own: what is
measured is what the proxy adds. Windows and macOS were not measured. Neither was a computer with other work to do, on
which every delay is longer.
"""


def scenario_table(figures: Figures, name: str) -> str:
    """Write what a scenario is, and its table."""
    scenario = SCENARIOS[name]
    what = scenario.what[0].upper() + scenario.what[1:]
    return f"{what}:\n\n{table(figures, name, scenario.columns, NGINX.name)}\n"


def target_table(figures: Figures) -> str:
    """Write each promise beside what was measured, but for those about scenarios that nothing is known of."""
    lines = ["| Target | Measured | Wanted | |", "|---|--:|--:|---|"]
    for judgement in judge(figures):
        target = judgement.target
        if not figures.candidates(target.scenario):
            continue
        bound = "at least" if target.at_least else "at most"
        unit = target.unit and f" {target.unit}"
        verdict = {True: "met", False: "**not met**", None: "not measured"}[judgement.met]
        wanted = f"{target.wanted:g}{unit}"
        lines.append(f"| {target.what} | {written(judgement.figure)}{unit} | {bound} {wanted} | {verdict} |")
    return "\n".join(lines) + "\n"


def noise(figures: Figures) -> str:
    """Say in a sentence how much other programs took while it was measured."""
    shares = [
        share
        for name in SCENARIOS
        for who in figures.candidates(name)
        if (share := figures.other_pct(name, who)) is not None
    ]
    noisy = sum(share > NOISY_PCT for share in shares)
    return (
        f"Other programs took {max(shares, default=0.0):.0f} % of one processor at most while a line of the tables was "
        f"measured; with {noisy} of {len(shares)} lines it was more than {NOISY_PCT:g} %."
    )


def other_proxies(checks: Mapping[str, list[str]]) -> str:
    """Write what the check before measuring found wrong with proxies that are not ours."""
    ours = {candidate.name for candidate in OURS}
    lines = [f"- **{who}**: {'; '.join(found) or 'nothing'}." for who, found in checks.items() if who not in ours]
    if not lines:
        return ""
    return OTHERS + "\n".join(lines) + "\n\n"


def page(measurement: Measurement, elsewhere: Mapping[str, str]) -> str:
    """
    Write `docs/measurements.md`.

    Args:
        measurement: What this program measured.
        elsewhere: What other programs printed, by the names in `ELSEWHERE`.
    """
    figures = Figures(measurement["runs"])
    facts = "; ".join(f"{name} {value}" for name, value in measurement["machine"].items())
    days = sorted({begun.split()[0] for begun in measurement["begun"].values()})
    circumstances = f"Measured on {' and '.join(days)} (UTC). {facts}. {noise(figures)}"
    text = f"{INTRODUCTION}{fill(circumstances, WIDTH)}\n\n"
    text += f"## Targets\n\n{target_table(figures)}\n## Speed and weight\n\n```\n"
    text += f".venv/bin/python -m benchmarks.speed --scenarios all --peers\n```\n\n{READING}\n"
    for heading, names in SECTIONS.items():
        tables = [scenario_table(figures, name) for name in names if figures.candidates(name)]
        if tables:
            text += f"### {heading}\n\n" + "\n".join(tables) + "\n"
    text += other_proxies(measurement["checks"])
    for name, section in ELSEWHERE.items():
        if name in elsewhere:
            text += f"## {section.heading}\n\n{fill(section.what, WIDTH)}\n\n"
            text += f"```\n.venv/bin/python {section.command}\n```\n\n{_as_markdown(elsewhere[name])}\n\n"
    return text + LIMITS


def _as_markdown(printed: str) -> str:
    """Leave a table as it is, and fence what is meant for a terminal."""
    printed = printed.strip()
    return printed if printed.startswith(("|", "#", "-")) or "\n|" in printed else f"```\n{printed}\n```"

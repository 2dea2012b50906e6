"""What is promised of speed and weight, and whether what was measured keeps it; pure."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.speed.candidates import DIRECT, NGINX, PRODUCT
from benchmarks.speed.figures import Figures

US = PRODUCT.name


@dataclass(frozen=True)
class Target:
    """One promise: a figure of one scenario, and the most it may be, or the least."""

    what: str
    scenario: str
    figure: Callable[[Figures], float | None]
    wanted: float
    unit: str = "×"
    at_least: bool = False


@dataclass(frozen=True)
class Judgement:
    """A promise beside what was measured; `met` is None where there was nothing to judge."""

    target: Target
    figure: float | None
    met: bool | None


def own(scenario: str, column: str) -> Callable[[Figures], float | None]:
    """Take the product's figure as it is."""
    return lambda figures: figures.median(scenario, US, column)


def ratio(scenario: str, column: str, below: str | None = None) -> Callable[[Figures], float | None]:
    """Divide the product's figure by nginx's of the same run, or by another figure of its own."""

    def figure(figures: Figures) -> float | None:
        above = figures.median(scenario, US, column)
        under = figures.median(scenario, US, below) if below else figures.median(scenario, NGINX.name, column)
        return above / under if above is not None and under else None

    return figure


def added(scenario: str, column: str) -> Callable[[Figures], float | None]:
    """Divide what the product adds to a call without any proxy by what nginx adds to it."""

    def figure(figures: Figures) -> float | None:
        none, nginx, ours = (figures.median(scenario, who, column) for who in (DIRECT.name, NGINX.name, US))
        if none is None or nginx is None or ours is None or nginx <= none:
            return None
        return (ours - none) / (nginx - none)

    return figure


TARGETS = (
    Target("Time to the first token, one client: what is added", "solo", added("solo", "ttft_us.p50"), 2.5),
    Target(
        "128 streams of 40 tokens a second: delay of a token, p50", "paced128", ratio("paced128", "lat_us.p50"), 1.7
    ),
    Target("128 streams: CPU for 1,000 tokens", "paced128", ratio("paced128", "cpu_ms_per_1k"), 2.4),
    Target(
        "512 streams of 20 tokens a second: delay of a token, p50", "paced512", ratio("paced512", "lat_us.p50"), 2.0
    ),
    Target("16 streams with no delay: tokens a second", "flood16", ratio("flood16", "tps"), 1.2, at_least=True),
    Target("List of 400 models, beside the raw one through nginx", "tags", ratio("tags", "total_us.p50"), 0.3),
    Target("Picture of 10 MiB: time to the first token", "image10m", ratio("image10m", "ttft_us.p50"), 2.5),
    Target("Picture of 10 MiB: memory grows by", "image10m", own("image10m", "memory_growth_mib"), 30, "MiB"),
    Target("After 8 s of silence: new connections", "gap", own("gap", "upstream_connections"), 0, ""),
    Target("First answer after the start, over a later one", "start", own("start", "first_over_later_ms"), 10, "ms"),
    Target(
        "CPU until the port answers, beside that of the usual imports",
        "start",
        ratio("start", "start_cpu_ms", "import_cpu_ms"),
        0.6,
    ),
    Target("Memory at rest, without a tray", "start", own("start", "memory_idle_mib"), 45, "MiB"),
    Target("The client leaves in the middle: upstream left alone after", "abort", own("abort", "abort_ms"), 100, "ms"),
    Target("… before the first token", "abort_waiting", own("abort_waiting", "abort_ms"), 100, "ms"),
    Target("… before an answer in one piece", "abort_plain", own("abort_plain", "abort_ms"), 100, "ms"),
)


def judge(figures: Figures) -> list[Judgement]:
    """Hold each promise against what was measured: one error in its scenario, and it is not kept."""
    judgements = []
    for target in TARGETS:
        figure = target.figure(figures)
        met = None
        if figure is not None:
            kept = figure >= target.wanted if target.at_least else figure <= target.wanted
            met = kept and figures.errors(target.scenario, US) == 0
        elif figures.errors(target.scenario, US):
            met = False
        judgements.append(Judgement(target, figure, met))
    return judgements

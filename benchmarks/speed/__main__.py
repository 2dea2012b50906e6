"""
Measure speed and weight of this checkout beside nginx, no proxy at all and, where they are installed, other proxies.

Everything runs on this computer, over loopback. It needs Linux, a C compiler and nginx. A scenario is measured for
all candidates in turn, again and again, and compared inside itself alone: what two calls of this program say of one
computer may differ by half.
"""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.speed import machine, peers
from benchmarks.speed.candidates import OURS, Candidate
from benchmarks.speed.correctness import check
from benchmarks.speed.figures import NOISY_PCT, Figures
from benchmarks.speed.report import ELSEWHERE, Measurement, page, scenario_table, target_table
from benchmarks.speed.rig import DidNotStart, Rig, Run, Running
from benchmarks.speed.scenarios import QUICK, SCENARIOS

RESULTS = Path("build/measurements")
PEERS = Path("build/peers")
REPETITIONS = 3


def options() -> argparse.ArgumentParser:
    """Give the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    names = ", ".join(SCENARIOS)
    parser.add_argument("--scenarios", help=f"some of {names}, with commas; a quick choice unless given, or `all`")
    parser.add_argument("--repetitions", type=int, help=f"how often each is run; {REPETITIONS} times unless given")
    parser.add_argument("--attempts", type=int, default=3, help="how often a run is made that others disturb, at most")
    parser.add_argument("--only", help="names of candidates, with commas")
    parser.add_argument("--peers", action="store_true", help=f"other proxies take part, as far as {PEERS} holds them")
    parser.add_argument("--install-peers", action="store_true", help=f"install them into {PEERS}, and measure nothing")
    parser.add_argument("--results", type=Path, default=RESULTS / "speed.json", help="where all runs are kept")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write what is kept as a page, and measure nothing")
    return parser


def takes_part(candidate: Candidate, scenario: str) -> bool:
    """Say whether a candidate is measured in a scenario."""
    if scenario in ("start", "at_once") and not candidate.starts:
        return False
    return candidate.scenarios is None or scenario in candidate.scenarios


def run_once(rig: Rig, running: Running, scenario: str) -> Run:
    """Run a scenario once; what breaks is a run with an error."""
    try:
        done = SCENARIOS[scenario].run(rig, running)
    except (OSError, DidNotStart, LookupError, ValueError) as error:
        done = {"errors": 1, "error_sample": f"{type(error).__name__}: {error}"}
    if done["errors"]:
        print(f"!! {running.candidate.name}, {scenario}: {done['errors']} errors, {done.get('error_sample')}")
    return done | {"candidate": running.candidate.name, "scenario": scenario, "load": os.getloadavg()[0]}


def runs_until_quiet(rig: Rig, running: Running, scenario: str, attempts: int) -> list[Run]:
    """Run a scenario until nobody disturbs it, or for the last time that is allowed; medians know noisy runs."""
    runs: list[Run] = []
    while len(runs) < attempts and not (runs and (runs[-1].get("other_pct") or 0.0) <= NOISY_PCT):
        runs.append(run_once(rig, running, scenario))
    return runs


def measure(
    rig: Rig,
    candidates: list[Candidate],
    scenarios: list[str],
    *,
    repetitions: int | None = None,
    attempts: int = 1,
    keep: Callable[[Measurement], None] = lambda _: None,
) -> Measurement:
    """
    Start the candidates, see whether they answer as they should, and run each scenario for all of them in turn.

    Args:
        rig: The stand.
        candidates: Who is measured.
        scenarios: The names of what is measured.
        repetitions: How often each is run; as often as the scenario wants, unless given.
        attempts: How often a run is made, at most, that other programs disturb.
        keep: Told what is known so far after each scenario.
    """
    running, checks = [], {}
    for candidate in candidates:
        try:
            one = rig.start(candidate)
        except DidNotStart as error:
            print(error)
            checks[candidate.name] = ["it does not start"]
            continue
        running.append(one)
        checks[candidate.name] = check(rig, one)
        print(f"{candidate.name}: {'; '.join(checks[candidate.name]) or 'answers as it should'}")
    measurement: Measurement = {"machine": machine.description(), "checks": checks, "begun": {}, "runs": []}
    for name in scenarios:
        measurement["begun"][name] = time.strftime("%F %H:%M", time.gmtime())
        taking_part = [one for one in running if takes_part(one.candidate, name)]
        for repetition in range(repetitions or SCENARIOS[name].repetitions or REPETITIONS):
            # There and back again, so that none always comes after the same one.
            for one in taking_part if repetition % 2 == 0 else reversed(taking_part):
                if one.candidate.at_most is None or repetition < one.candidate.at_most:
                    measurement["runs"] += runs_until_quiet(rig, one, name, attempts)
        print("\n" + scenario_table(Figures(measurement["runs"]), name), flush=True)
        keep(measurement)
    return measurement


def merged(kept: Measurement, new: Measurement) -> Measurement:
    """Put new scenarios beside kept ones; a scenario is never mixed from two measurements."""
    runs = [run for run in kept.get("runs", []) if run["scenario"] not in new["begun"]]
    return {
        "machine": new["machine"],
        "checks": kept.get("checks", {}) | new["checks"],
        "begun": kept.get("begun", {}) | new["begun"],
        "runs": runs + new["runs"],
    }


def main() -> None:
    """Measure, print, and keep what was measured."""
    given = options().parse_args()
    if given.install_peers:
        peers.install(PEERS)
        return
    given.results.parent.mkdir(parents=True, exist_ok=True)
    kept: Measurement = json.loads(given.results.read_text()) if given.results.exists() else {}
    if given.write:
        printed = {name: given.results.with_name(f"{name}.txt") for name in ELSEWHERE}
        for name in (name for name, file in printed.items() if not file.exists()):
            print(f"There is no {printed[name]}: the page says nothing of it.")
        elsewhere = {name: file.read_text("utf-8") for name, file in printed.items() if file.exists()}
        given.write.write_text(page(kept, elsewhere), "utf-8")
        return
    scenarios = given.scenarios.split(",") if given.scenarios else list(QUICK)
    scenarios = list(SCENARIOS) if scenarios == ["all"] else scenarios
    candidates = [*OURS, *(peers.installed(PEERS) if given.peers else [])]
    if given.only:
        candidates = [candidate for candidate in candidates if candidate.name in given.only.split(",")]
    candidates = [one for one in candidates if any(takes_part(one, name) for name in scenarios)]
    # Ended from outside, too, it leaves nothing behind that runs.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with Rig() as rig:
        measurement = measure(
            rig,
            candidates,
            scenarios,
            repetitions=given.repetitions,
            attempts=given.attempts,
            keep=lambda known: given.results.write_text(json.dumps(merged(kept, known), indent=1), "utf-8"),
        )
    print(target_table(Figures(measurement["runs"])))
    # Only what took part was checked.
    sys.exit(1 if measurement["checks"].get("Tray Proxy") else 0)


if __name__ == "__main__":
    main()

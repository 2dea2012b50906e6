"""What is said of speed and weight: medians, promises kept or not, the page; and programs that can be built."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.speed import bodies, correctness
from benchmarks.speed.__main__ import merged
from benchmarks.speed.candidates import DIRECT, NGINX, OURS, PRODUCT
from benchmarks.speed.figures import Figures, table, written
from benchmarks.speed.report import SECTIONS, noise, other_proxies, page, target_table
from benchmarks.speed.scenarios import QUICK, SCENARIOS
from benchmarks.speed.targets import TARGETS, judge

SPEED = Path(__file__).parents[1] / "benchmarks" / "speed"
COMPILER = shutil.which("cc")


def run(candidate, scenario="solo", *, errors=0, other_pct=None, **figures):
    own = {"candidate": candidate.name, "scenario": scenario, "errors": errors, "other_pct": other_pct}
    return own | {name: {"n": 1, "p50": value} if name.endswith("_us") else value for name, value in figures.items()}


def verdicts(figures):
    return {judgement.target.what: (judgement.figure, judgement.met) for judgement in judge(figures)}


def test_a_noisy_run_counts_only_where_none_was_quiet():
    figures = Figures(
        [
            *[run(PRODUCT, other_pct=share, ttft_us=value) for share, value in ((0, 3), (20, 5), (21, 90))],
            *[run(NGINX, other_pct=80, ttft_us=value) for value in (2, 4, 9)],
        ]
    )

    assert figures.median("solo", PRODUCT.name, "ttft_us.p50") == 4
    assert figures.median("solo", NGINX.name, "ttft_us.p50") == 4


def test_times_of_no_answer_at_all_are_no_figure():
    """The load generator writes 0 where nothing arrived: the fastest of all, if it counted."""
    figures = Figures([run(PRODUCT, errors=3) | {"ttft_us": {"n": 0, "p50": 0.0}}])

    assert figures.median("solo", PRODUCT.name, "ttft_us.p50") is None


def test_what_is_added_is_held_against_what_nginx_adds():
    figures = Figures([run(DIRECT, ttft_us=600), run(NGINX, ttft_us=800), run(PRODUCT, ttft_us=1100)])

    assert verdicts(figures)["Time to the first token, one client: what is added"] == (2.5, True)


def test_nothing_is_judged_that_was_not_measured():
    assert {met for _, met in verdicts(Figures([run(PRODUCT, ttft_us=1)])).values()} == {None}


def test_one_wrong_answer_breaks_a_promise_however_fast_the_others_were():
    runs = [run(NGINX, "paced128", lat_us=100), run(PRODUCT, "paced128", lat_us=90, errors=1)]

    assert verdicts(Figures(runs))["128 streams of 40 tokens a second: delay of a token, p50"] == (0.9, False)


def test_what_never_succeeded_breaks_its_promise_too():
    assert verdicts(Figures([run(PRODUCT, "abort", errors=1)]))[
        "The client leaves in the middle: upstream left alone after"
    ] == (None, False)


def test_more_is_better_where_tokens_a_second_are_counted():
    runs = [run(NGINX, "flood16", tps=100), run(PRODUCT, "flood16", tps=110)]

    assert verdicts(Figures(runs))["16 streams with no delay: tokens a second"] == (1.1, False)


def test_a_table_shows_each_candidate_beside_nginx():
    figures = Figures([run(NGINX, ttft_us=800, other_pct=3), run(PRODUCT, ttft_us=1600, errors=2)])

    assert table(figures, "solo", ("ttft_us.p50", "lat_us.p50"), NGINX.name).splitlines() == [
        "| | first token p50, ms | × nginx | errors | others, % |",
        "|---|--:|--:|--:|--:|",
        "| nginx | 0.80 | 1.00 | 0 | 3 |",
        "| Tray Proxy | 1.60 | 2.00 | 2 | – |",
    ]


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (0.0, "0.00"), (9.994, "9.99"), (10.04, "10.0"), (1234.5, "1,234")]
)
def test_a_figure_has_as_many_digits_as_it_deserves(value, text):
    assert written(value) == text


def test_a_scenario_measured_again_takes_the_place_of_the_one_before():
    """Ratios of two measurements say nothing, so that one scenario is never mixed from both."""
    old = {
        "machine": {},
        "begun": {"solo": "then", "tags": "then"},
        "checks": {"litellm": []},
        "runs": [run(NGINX, "solo"), run(PRODUCT, "solo"), run(NGINX, "tags")],
    }
    new = {"machine": {}, "begun": {"solo": "now"}, "checks": {"nginx": []}, "runs": [run(DIRECT, "solo")]}

    both = merged(old, new)

    assert [(one["scenario"], one["candidate"]) for one in both["runs"]] == [("tags", "nginx"), ("solo", "direct")]
    assert both["begun"] == {"solo": "now", "tags": "then"}
    assert set(both["checks"]) == {"litellm", "nginx"}


def test_the_page_tells_of_machine_day_noise_and_of_what_others_got_wrong():
    measurement = {
        "machine": {"Processor": "Abacus, 2 of its cores"},
        "begun": {"solo": "2026-11-26 05:30"},
        "checks": {"nginx": [], "slowpoke": ["tools: they do not reach the upstream"]},
        "runs": [run(NGINX, ttft_us=800, other_pct=30), run(PRODUCT, ttft_us=1600, other_pct=1)],
    }

    text = page(measurement, {"soak": "An hour, no leak"})

    assert "Measured on 2026-11-26 (UTC). Processor Abacus, 2 of its cores." in text
    assert noise(Figures(measurement["runs"])) in " ".join(text.split())
    assert "- **slowpoke**: tools: they do not reach the upstream.\n" in text
    assert ".venv/bin/python benchmarks/soak.py MINUTES\n```\n\n```\nAn hour, no leak\n```" in text
    assert "### Many streams" not in text


def test_other_proxies_have_no_section_where_none_took_part():
    assert other_proxies({candidate.name: [] for candidate in OURS}) == ""


def test_a_promise_about_what_was_not_measured_has_no_line():
    assert target_table(Figures([])) == "| Target | Measured | Wanted | |\n|---|--:|--:|---|\n"


def test_each_scenario_has_its_place_on_the_page_and_each_promise_its_scenario():
    assert sorted(name for names in SECTIONS.values() for name in names) == sorted(SCENARIOS)
    assert {target.scenario for target in TARGETS} <= set(SCENARIOS)
    assert set(QUICK) <= set(SCENARIOS)


def test_a_picture_is_one_and_as_large_as_was_asked_for():
    picture = bodies.picture(100)

    assert len(picture) == 100 * 1024
    assert picture.startswith("iVBORw0KGgoAAAANSUhEUg")


@pytest.mark.skipif(sys.platform != "linux" or COMPILER is None, reason="written for Linux, in C")
@pytest.mark.parametrize("name", ["upstream", "load"])
def test_upstream_and_load_generator_can_be_built(tmp_path, name):
    strict = ["-Wall", "-Wextra", "-Werror"]

    subprocess.run([COMPILER, *strict, "-o", tmp_path / name, SPEED / f"{name}.c", "-lm"], check=True)


def test_the_check_expects_the_words_that_the_upstream_sends():
    """A word changed on one side alone would make every proxy wrong."""
    source = (SPEED / "upstream.c").read_text(encoding="utf-8")
    (listed,) = re.findall(r"WORDS\[16\] = \{(.*?)\};", source, re.DOTALL)
    literals = re.findall(r'"((?:[^"\\]|\\.)*)"', listed)
    # What C reads is JSON in UTF-8.
    sent = [literal.encode().decode("unicode_escape").encode("latin-1").decode() for literal in literals]

    assert [json.loads(f'"{word}"', strict=True) for word in sent] == correctness.WORDS

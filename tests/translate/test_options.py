"""What becomes of each option; `test_every_rule_has_a_case` keeps the table complete."""

from typing import Any

import pytest

from tray_proxy.errors import BadRequest
from tray_proxy.translate.options import OPTION_RULES, stops_to_watch, to_parameters, unknown_options

SENT: list[tuple[str, Any, dict[str, Any]]] = [
    ("temperature", 0.7, {"temperature": 0.7}),
    ("temperature", 0, {"temperature": 0}),
    ("temperature", 1, {"temperature": 1}),
    ("top_p", 0.9, {"top_p": 0.9}),
    ("top_k", 40, {"top_k": 40}),
    ("top_k", 0, {"top_k": 0}),
    ("top_k", 40.0, {"top_k": 40}),
    ("top_k", -1, {}),
    ("min_p", 0.05, {"min_p": 0.05}),
    ("seed", 42, {"seed": 42}),
    ("seed", 0, {"seed": 0}),
    ("seed", -1, {}),
    ("num_predict", 128, {"max_tokens": 128}),
    ("num_predict", 100.0, {"max_tokens": 100}),
    ("num_predict", 3.7, {"max_tokens": 3}),
    ("num_predict", 0, {}),
    ("num_predict", 0.5, {}),
    ("num_predict", -1, {}),
    ("num_predict", -2, {}),
    ("stop", ["\n", "END"], {"stop": ["\n", "END"]}),
    ("stop", "END", {"stop": ["END"]}),
    ("stop", ["a", "b", "c", "d"], {"stop": ["a", "b", "c", "d"]}),
    ("stop", ["", "END"], {"stop": ["END"]}),
    ("stop", [], {}),
    ("stop", "", {}),
    ("repeat_penalty", 1.1, {"repetition_penalty": 1.1}),
    ("presence_penalty", -0.5, {"presence_penalty": -0.5}),
    ("frequency_penalty", 0.5, {"frequency_penalty": 0.5}),
]

DROPPED: list[tuple[str, Any]] = [
    ("num_ctx", 32768),
    ("num_keep", 4),
    ("typical_p", 1.0),
    ("tfs_z", 1.0),
    ("mirostat", 2),
    ("mirostat_eta", 0.1),
    ("mirostat_tau", 5.0),
    ("repeat_last_n", 64),
    ("penalize_newline", True),
    ("num_batch", 512),
    ("num_gpu", -1),
    ("main_gpu", 0),
    ("num_thread", 8),
    ("numa", False),
    ("use_mmap", True),
    ("use_mlock", False),
    ("low_vram", False),
    ("f16_kv", True),
    ("draft_num_predict", 16),
]

# Ollama once had these, and passes them over now.
FORGOTTEN = [
    "tfs_z",
    "mirostat",
    "mirostat_eta",
    "mirostat_tau",
    "penalize_newline",
    "numa",
    "use_mlock",
    "low_vram",
    "f16_kv",
]

# Not whole numbers, or none that Ollama could hold.
NO_INTEGERS = ["5", True, False, [1], {}, float("nan"), float("inf"), 1e30, 10**400]
NO_NUMBERS = ["0.5", True, [0.5], {}, float("nan"), float("-inf"), 10**400]


def test_every_rule_has_a_case() -> None:
    assert {name for name, *_ in [*SENT, *DROPPED]} == set(OPTION_RULES)


@pytest.mark.parametrize(("name", "value", "sent"), SENT)
def test_an_option_is_sent_in_openrouters_words(name: str, value: object, sent: dict[str, Any]) -> None:
    assert to_parameters({name: value}) == sent


@pytest.mark.parametrize("value", [100.0, 3.7])
def test_a_whole_number_is_sent_without_a_point(value: float) -> None:
    """Python finds 100.0 equal to 100; providers do not."""
    (sent,) = to_parameters({"num_predict": value}).values()

    assert isinstance(sent, int)


@pytest.mark.parametrize(("name", "value"), DROPPED)
def test_an_option_without_counterpart_is_dropped(name: str, value: object) -> None:
    """Above all the size of the context must not become a limit of the answer."""
    assert to_parameters({name: value}) == {}


@pytest.mark.parametrize("name", OPTION_RULES)
def test_null_means_not_given(name: str) -> None:
    """Zed sends null for every option that is not set."""
    assert to_parameters({name: None}) == {}


def test_an_unknown_option_is_passed_over() -> None:
    assert to_parameters({"flux_capacitor": 1.21, "temperature": 0.2}) == {"temperature": 0.2}


@pytest.mark.parametrize("options", [None, {}])
def test_nothing_is_sent_that_was_not_set(options: dict[str, Any] | None) -> None:
    """Neither Ollama's defaults nor our own: the model's own are better."""
    assert to_parameters(options) == {}


@pytest.mark.parametrize("name", ["top_k", "seed", "num_predict"])
@pytest.mark.parametrize("value", NO_INTEGERS)
def test_what_is_no_whole_number_is_refused_in_ollamas_words(name: str, value: object) -> None:
    with pytest.raises(BadRequest) as caught:
        to_parameters({name: value})

    assert caught.value.message == f'option "{name}" must be of type integer'


@pytest.mark.parametrize(
    "name", ["temperature", "top_p", "min_p", "repeat_penalty", "presence_penalty", "frequency_penalty"]
)
@pytest.mark.parametrize("value", NO_NUMBERS)
def test_what_is_no_number_is_refused_in_ollamas_words(name: str, value: object) -> None:
    with pytest.raises(BadRequest) as caught:
        to_parameters({name: value})

    assert caught.value.message == f'option "{name}" must be of type float32'


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("num_ctx", "32768", "integer"),
        ("num_keep", True, "integer"),
        ("repeat_last_n", [64], "integer"),
        ("num_batch", "512", "integer"),
        ("num_gpu", {}, "integer"),
        ("main_gpu", "0", "integer"),
        ("num_thread", "8", "integer"),
        ("draft_num_predict", "16", "integer"),
        ("typical_p", "1.0", "float32"),
        ("use_mmap", 1, "boolean"),
        ("use_mmap", "true", "boolean"),
    ],
)
def test_what_ollama_refuses_is_refused_though_it_would_be_dropped(name: str, value: object, kind: str) -> None:
    """An app that was written against this proxy must work with Ollama too."""
    with pytest.raises(BadRequest) as caught:
        to_parameters({name: value})

    assert caught.value.message == f'option "{name}" must be of type {kind}'


@pytest.mark.parametrize("name", FORGOTTEN)
def test_what_ollama_knows_no_more_is_never_refused(name: str) -> None:
    """It is still sent by many apps."""
    assert to_parameters({name: ["anything"]}) == {}


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (5, 'option "stop" must be of type array'),
        ({"a": "b"}, 'option "stop" must be of type array'),
        (["END", 5], 'option "stop" must be of an array of strings'),
        ([None], 'option "stop" must be of an array of strings'),
    ],
)
def test_what_is_no_list_of_texts_cannot_stop_an_answer(value: object, complaint: str) -> None:
    with pytest.raises(BadRequest) as caught:
        to_parameters({"stop": value})

    assert caught.value.message == complaint


@pytest.mark.parametrize(
    ("stop", "watched"),
    [
        (None, []),
        ("a", []),
        (list("abcd"), []),
        (list("abcde"), list("abcde")),
        (["a", "", "b", "c", "d"], []),
        (list("abcda"), []),
        (list("abcdaee"), list("abcde")),
    ],
)
def test_more_stops_than_openrouter_takes_are_all_watched_for(stop: object, watched: list[str]) -> None:
    """Any of them may come first."""
    assert stops_to_watch({"stop": stop}) == watched


@pytest.mark.parametrize("options", [None, {}])
def test_without_stops_nothing_is_watched_for(options: dict[str, Any] | None) -> None:
    assert stops_to_watch(options) == []


def test_the_first_stops_are_still_sent() -> None:
    """The model then ends by itself, which costs least."""
    assert to_parameters({"stop": ["", *"aabcdef"]}) == {"stop": list("abcd")}


def test_options_in_no_row_are_named() -> None:
    """For the log: an app's misspelt option should be found."""
    assert unknown_options({"temprature": 0.1, "num_ctx": 1, "flux": None}) == ["temprature", "flux"]


@pytest.mark.parametrize("options", [None, {}, {"temperature": 1}])
def test_known_options_are_not_named(options: dict[str, Any] | None) -> None:
    assert unknown_options(options) == []


def test_more_stops_than_can_be_watched_for_are_refused():
    with pytest.raises(BadRequest, match=r'^option "stop" holds 1001 strings: at most 1000 can be watched for$'):
        to_parameters({"stop": ["x"] * 1001})

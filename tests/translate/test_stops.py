"""Where a text ends at a stop string, however it arrives."""

import itertools

import pytest

from tray_proxy.translate.stops import StopWatch
from tray_proxy.wire.openrouter import TokenLogprob

STOPS = ["END", "\n\n", "###", "</s>", "User:"]


def let_through(pieces: list[str], stops: list[str]) -> tuple[list[str], bool]:
    """What comes out for each piece, with what was held at last; and whether a stop was found."""
    watch = StopWatch(stops)
    out = [watch.feed(piece)[0] for piece in pieces]
    return [*out, watch.release()[0]], watch.stopped


@pytest.mark.parametrize(
    ("pieces", "stops", "out", "stopped"),
    [
        (["Good ", "morning"], STOPS, ["Good ", "morning", ""], False),
        (["The END."], STOPS, ["The ", ""], True),
        (["END"], STOPS, ["", ""], True),
        (["The E", "ND of"], STOPS, ["The ", "", ""], True),
        (["a", "E", "N", "D"], STOPS, ["a", "", "", "", ""], True),
        # What looked like a beginning and was none comes with the next piece.
        (["The E", "arth"], STOPS, ["The ", "Earth", ""], False),
        (["a#", "#b"], STOPS, ["a", "##b", ""], False),
        (["a##", "#"], STOPS, ["a", "", ""], True),
        # Or at the end of the text.
        (["The EN"], STOPS, ["The ", "EN"], False),
        (["line\n"], STOPS, ["line", "\n"], False),
        # The longest beginning is held, not the first that fits.
        (["xaab"], ["aabc", "abd", "b?"], ["x", "aab"], False),
        (["xaab", "d"], ["aabc", "abd", "b?"], ["x", "a", ""], True),
        (["aaa", "a", "ab"], ["aab"], ["a", "a", "a", ""], True),
        # The first that is complete wins, so that nothing more is bought; of two that end together the longer.
        (["a User: b END"], STOPS, ["a ", ""], True),
        (["a END b User:"], STOPS, ["a ", ""], True),
        (["xabcd"], ["abcde", "bc"], ["xa", ""], True),
        (["xabc"], ["bc", "abc"], ["x", ""], True),
        (["nothing after END", " comes", " END"], STOPS, ["nothing after ", "", "", ""], True),
        (["", "E", "", "ND"], STOPS, ["", "", "", "", ""], True),
        (["Zoë 👩‍👩‍👧", "!"], ["👩‍👩‍👧!"], ["Zoë ", "", ""], True),
    ],
)
def test_a_text_ends_before_the_first_complete_stop(
    pieces: list[str], stops: list[str], out: list[str], stopped: bool
) -> None:
    assert let_through(pieces, stops) == (out, stopped)


@pytest.mark.parametrize("stops", [["abab", "ba"], ["aab", "abb", "bbbb"], ["abcabd", "cab", "aaaa"], ["b", "ab"]])
def test_the_cut_does_not_depend_on_the_pieces(stops: list[str]) -> None:
    """All texts of seven letters, whole and letter by letter."""
    for letters in itertools.product("abc", repeat=7):
        whole, single = let_through(["".join(letters)], stops), let_through(list(letters), stops)

        assert ("".join(whole[0]), whole[1]) == ("".join(single[0]), single[1])


def test_no_more_is_held_than_may_become_a_stop() -> None:
    """All texts of seven letters: what is held is the beginning of a stop, and of no longer one."""
    stops = ["abab", "bbc", "ca"]
    for letters in itertools.product("abc", repeat=7):
        text = "".join(letters)
        watch = StopWatch(stops)
        out = watch.feed(text)[0]
        if not watch.stopped:
            beginnings = [stop[:length] for stop in stops for length in range(len(stop))]
            longest = max(len(beginning) for beginning in beginnings if text.endswith(beginning))
            assert out == text[: len(text) - longest]


def tokens(*texts: str) -> list[TokenLogprob]:
    return [TokenLogprob(text, -0.5) for text in texts]


def test_likelihoods_go_with_the_text_they_belong_to() -> None:
    watch = StopWatch(["END"])

    assert watch.feed("The E", tokens("The", " E")) == ("The ", tuple(tokens("The")))
    assert watch.feed("arth", tokens("arth")) == ("Earth", tuple(tokens(" E", "arth")))
    assert watch.feed("!", tokens("!")) == ("!", tuple(tokens("!")))


def test_likelihoods_of_a_stop_are_cut_with_it() -> None:
    watch = StopWatch(["END"])

    assert watch.feed("The E", tokens("The", " ", "E")) == ("The ", tuple(tokens("The", " ")))
    assert watch.feed("ND.", tokens("ND", ".")) == ("", ())
    assert watch.release() == ("", ())


def test_likelihoods_that_were_held_come_with_the_rest() -> None:
    watch = StopWatch(["END"])

    assert watch.feed("an E", tokens("an", " E")) == ("an ", tuple(tokens("an")))
    assert watch.release() == ("E", tuple(tokens(" E")))


@pytest.mark.parametrize(
    ("pieces", "stops", "found"),
    [
        (["The END."], STOPS, "END"),
        (["a", "E", "N", "D"], STOPS, "END"),
        (["a User: b END"], STOPS, "User:"),
        # Of two that end together the longer one, for it began first.
        (["xabc"], ["bc", "abc"], "abc"),
        (["xabcd"], ["abcde", "bc"], "bc"),
        # Nothing comes after the first.
        (["END", "###"], STOPS, "END"),
        (["The EN"], STOPS, ""),
        ([], STOPS, ""),
    ],
)
def test_the_stop_that_ended_a_text_is_named(pieces: list[str], stops: list[str], found: str) -> None:
    watch = StopWatch(stops)
    for piece in pieces:
        watch.feed(piece)

    assert (watch.found, watch.stopped) == (found, bool(found))

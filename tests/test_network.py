"""What is in the way reaches the owner once, and goes by itself."""

import time
from types import SimpleNamespace

import pytest

from tray_proxy.errors import (
    CertificateRefused,
    KeyMissing,
    ModelNotFound,
    NetworkSignIn,
    NoConnection,
    Offline,
    OutOfCredits,
    UpstreamTimeout,
)
from tray_proxy.network import Network, Troubles
from tray_proxy.openrouter.connections import Connection
from tray_proxy.tray.state import KeyChanged, Recovered, Troubled

CLEAR = Connection(ok=True)
NOON = time.mktime((2026, 3, 2, 12, 0, 0, 0, 0, -1))


class Cache:
    """Has a list of a certain time, or none."""

    def __init__(self):
        self.snapshot = None
        self.nudges = 0

    def nudge(self):
        self.nudges += 1


class World:
    """The tray's news, in short."""

    def __init__(self):
        self.cache = Cache()
        self.events = []
        self.changes = 0
        self.network = Network(self.cache, self.events.append, self._changed)

    def _changed(self):
        self.changes += 1

    @property
    def news(self):
        return [event.error.message if isinstance(event, Troubled) else type(event) for event in self.events]


@pytest.fixture
def world():
    return World()


def blocked(error):
    return Connection(False, error.message, error)


OFFLINE = blocked(Offline("There is no internet connection."))


@pytest.mark.parametrize(
    ("fetched_s", "said"),
    [
        (None, "No internet, and no model list yet."),
        (NOON - 3600, "No internet. Model list from 11:00."),
        (NOON - 86_400, "No internet. Model list from 2026-03-01."),
    ],
)
def test_without_internet_the_owner_is_told_how_old_the_list_is(world, monkeypatch, fetched_s, said):
    monkeypatch.setattr("tray_proxy.network.time.time", lambda: NOON)
    if fetched_s is not None:
        world.cache.snapshot = SimpleNamespace(fetched_s=fetched_s)

    world.network.told(OFFLINE)

    assert world.news == [said]
    assert (type(world.network.trouble), world.network.trouble.message) == (Offline, said)


@pytest.mark.parametrize("error", [NetworkSignIn("Sign in."), NoConnection("Nobody."), CertificateRefused("Changed.")])
def test_anything_else_in_the_way_is_told_in_its_own_words(world, error):
    world.network.told(blocked(error))

    assert world.news == [error.message]


def test_a_way_that_is_clear_again_is_told_and_the_list_tried_at_once(world):
    world.network.told(OFFLINE)
    world.network.told(CLEAR)

    assert world.news == ["No internet, and no model list yet.", Recovered]
    assert world.network.trouble is None
    assert (world.cache.nudges, world.changes) == (1, 2)


def test_what_was_never_in_the_way_is_no_news(world):
    """Another trouble, of the key say, stays in the tray."""
    world.network.told(CLEAR)
    world.network.told(blocked(UpstreamTimeout("Slow.")))
    world.network.tell_again()

    assert world.news == []


def test_a_tray_that_forgot_is_told_again(world):
    world.network.told(OFFLINE)
    world.network.tell_again()

    assert world.news == ["No internet, and no model list yet."] * 2


@pytest.fixture
def troubles(world):
    return Troubles(world.network, world.events.append, world._changed)


def test_what_concerns_the_owner_is_told_until_a_request_succeeds(world, troubles):
    error = OutOfCredits("no credit")

    troubles.tell(error)
    troubles.tell_again()
    assert (troubles.present, world.news, world.changes) == (error, ["no credit", "no credit"], 1)

    troubles.recovered()
    troubles.recovered()
    assert (troubles.present, world.news[2:], world.changes) == (None, [KeyChanged, Recovered] * 2, 2)


def test_an_apps_own_affair_concerns_nobody_else(world, troubles):
    troubles.tell(ModelNotFound("nobody"))

    assert (troubles.present, world.news, world.changes) == (None, [], 0)


def test_that_there_is_no_key_shows_by_itself_on_the_page(world, troubles):
    error = KeyMissing()

    troubles.tell(error)

    assert (troubles.present, world.news, world.changes) == (None, [error.message], 0)


def test_what_is_in_the_way_goes_before_what_failed(world, troubles):
    """A request fails for it, and it is told in better words."""
    troubles.tell(OutOfCredits("no credit"))
    world.network.told(blocked(NetworkSignIn("sign in")))
    world.events.clear()

    troubles.tell(NetworkSignIn("sign in"))
    troubles.tell_again()

    assert world.news == ["sign in", "sign in"]

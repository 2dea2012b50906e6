"""What has changed around the computer, told by clocks and addresses that stand still until a test moves them."""

import socket
import sys
import time

import pytest

from tray_proxy.openrouter import surroundings
from tray_proxy.openrouter.surroundings import Surroundings, proxy_server, source_addresses


class World:
    """A computer that a test puts to sleep, and carries elsewhere."""

    def __init__(self):
        self.sources = ("192.0.2.7", None)
        self.awake_s = self.through_sleep_s = 1000.0
        self.seen = Surroundings(lambda: self.through_sleep_s, lambda: self.awake_s, lambda: self.sources)


@pytest.fixture
def world():
    return World()


def test_an_hour_of_work_changes_nothing(world):
    world.awake_s += 3600
    world.through_sleep_s += 3600

    assert world.seen.changed() is False


def test_a_sleep_is_noticed_once(world):
    world.through_sleep_s += 60

    assert [world.seen.changed(), world.seen.changed()] == [True, False]


def test_clocks_that_drift_a_little_are_no_sleep(world):
    world.through_sleep_s += 3

    assert world.seen.changed() is False


@pytest.mark.parametrize("sources", [("198.51.100.4", None), ("192.0.2.7", "2001:db8::1"), (None, None)])
def test_another_network_is_noticed_once(world, sources):
    world.sources = sources

    assert [world.seen.changed(), world.seen.changed()] == [True, False]


@pytest.mark.parametrize(
    ("sources", "way"), [(("192.0.2.7", None), True), ((None, "2001:db8::1"), True), ((None, None), False)]
)
def test_either_kind_of_address_is_a_way_to_the_internet(world, sources, way):
    world.sources = sources

    assert world.seen.has_route() is way


def test_where_no_route_leads_out_there_is_no_address(monkeypatch):
    class Unconnected(socket.socket):
        def connect(self, _address):
            raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(surroundings.socket, "socket", Unconnected)

    assert source_addresses() == (None, None)


def test_the_address_is_one_of_this_computers(monkeypatch):
    """Asked of a network that every computer has: its own."""
    monkeypatch.setattr(surroundings, "PUBLIC", ((socket.AF_INET, "127.0.0.2"),))

    assert source_addresses() == ("127.0.0.1",)


def test_the_systems_own_clocks_agree_while_it_is_awake():
    through_sleep_s, awake_s = surroundings._clocks()
    before_s = through_sleep_s() - awake_s()

    assert abs(through_sleep_s() - awake_s() - before_s) < 1


@pytest.mark.skipif(sys.platform != "linux", reason="the clocks are the system's")
def test_on_linux_the_clock_that_goes_on_is_the_one_since_boot():
    through_sleep_s, _ = surroundings._clocks()

    assert abs(through_sleep_s() - time.clock_gettime(time.CLOCK_BOOTTIME)) < 1


@pytest.mark.parametrize(
    ("named", "server"),
    [
        ("http://user:secret@proxy.test:8080", ("proxy.test", 8080)),
        ("proxy.test:3128", ("proxy.test", 3128)),
        ("socks5://[::1]", ("::1", None)),
        ("", None),
    ],
)
def test_the_proxy_server_is_named_without_its_password(monkeypatch, named, server):
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", named)

    assert proxy_server("https://openrouter.ai/api/v1") == server
    assert proxy_server("https://127.0.0.1:1/api/v1") is None
    monkeypatch.setenv("NO_PROXY", "openrouter.ai")
    assert proxy_server("https://openrouter.ai/api/v1") is None

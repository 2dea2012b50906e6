"""Where the port is reached from other computers."""

import pytest

from tray_proxy import reach
from tray_proxy.setting_list import Settings


@pytest.fixture(autouse=True)
def addresses(monkeypatch):
    """Two ways to the internet, one of each kind."""
    monkeypatch.setattr(reach, "source_addresses", lambda: ("192.168.1.7", "2001:db8::7"))


@pytest.mark.parametrize(
    ("host", "elsewhere", "shown"),
    [
        ("127.0.0.1", None, "127.0.0.1:11434"),
        ("localhost", None, "localhost:11434"),
        ("::1", None, "[::1]:11434"),
        ("0.0.0.0", "http://192.168.1.7:11434", "192.168.1.7:11434"),
        ("::", "http://192.168.1.7:11434", "192.168.1.7:11434"),
        ("10.0.0.5", "http://10.0.0.5:11434", "10.0.0.5:11434"),
        ("fd00::5", "http://[fd00::5]:11434", "[fd00::5]:11434"),
    ],
)
def test_other_computers_are_given_an_address_that_they_reach(host, elsewhere, shown):
    settings = Settings(host=host)

    assert (reach.elsewhere(settings), reach.shown(settings)) == (elsewhere, shown)


@pytest.mark.parametrize(
    ("sources", "url"), [((None, "2001:db8::7"), "http://[2001:db8::7]:11434"), ((None, None), "http://mybox:11434")]
)
def test_where_no_way_leads_to_the_internet_the_name_stands_for_the_address(sources, url, monkeypatch):
    monkeypatch.setattr(reach, "source_addresses", lambda: sources)
    monkeypatch.setattr(reach.socket, "gethostname", lambda: "mybox")

    assert reach.elsewhere(Settings(host="0.0.0.0")) == url

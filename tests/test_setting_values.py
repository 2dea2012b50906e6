"""What may stand in a setting, kind by kind; that settings refuse the rest is told by their own tests."""

import pytest

from tray_proxy import setting_values
from tray_proxy.knobs import NotAllowed
from tray_proxy.setting_list import FIELDS


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("localhost", True), ("LOCALHOST", True), ("127.8.9.1", True), ("::1", True), ("0.0.0.0", False), ("pc", False)],
)
def test_only_what_cannot_mean_another_computer_is_loopback(host, loopback):
    assert setting_values.is_loopback(host) is loopback


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("0", "0.0.0.0"),
        ("::0", "::"),
        ("0:0:0:0:0:0:0:0", "::"),
        ("::ffff:0.0.0.0", "0.0.0.0"),
        ("127.1", "127.0.0.1"),
        ("::FFFF:127.0.0.1", "127.0.0.1"),
        ("FD00:0::5", "fd00::5"),
        ("Nas.LAN", "nas.lan"),
        ("tray_proxy", "tray_proxy"),
    ],
)
def test_a_host_to_listen_on_is_written_in_one_way(text, host):
    """Or "every address" would be taken for one of them, and this computer's own for another's."""
    assert setting_values.listen_host(text) == host


@pytest.mark.parametrize(
    ("host", "found", "may"),
    [
        ("127.0.0.1", {}, True),
        ("0.0.0.0", {}, False),
        ("", {}, False),
        ("0.0.0.0", {"insecure": True}, True),
        ("nas.lan", {"proxy_api_key": "a key"}, True),
        ("nas.lan", {"proxy_api_key": None, "insecure": False}, False),
    ],
)
def test_other_computers_are_let_in_by_a_key_or_by_insistence(host, found, may):
    assert setting_values.may_listen(host, found) is may


@pytest.mark.parametrize(
    ("text", "parts"), [("", ()), (" 'a, b,' ", ("a", "b")), ('"a"', ("a",)), ("a b,,c", ("a b", "c"))]
)
def test_a_list_is_split_at_its_commas(text, parts):
    assert setting_values.listed(text) == parts


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("sk-or-v1-abc", True), ("", False), ("two words", False), ("schlüssel", False), ("a\n", False)],
)
def test_a_key_is_plain_characters_without_blanks(text, is_one):
    assert setting_values.is_key(text) is is_one


@pytest.mark.parametrize("text", ["", "*", " 'https://a.example, chrome-extension://*' ", "https://a.example,", "app*"])
def test_origins_are_taken_as_ollama_takes_them(text):
    assert setting_values.origins(text) == text


@pytest.mark.parametrize("text", ["a.example", "https://a.example b.example", "https://a\nb", "https://a,b"])
def test_what_no_browser_could_send_is_no_origin(text):
    """It would be saved, and the app still be turned away."""
    with pytest.raises(NotAllowed):
        FIELDS["ollama_origins"].read(text)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://127.0.0.1:11435", "http://127.0.0.1:11435"),
        ("127.0.0.1:11435", "http://127.0.0.1:11435"),
        ("http://localhost:11435/", "http://127.0.0.1:11435"),
        ("http://[::1]:11435", "http://[::1]:11435"),
    ],
)
def test_the_address_of_an_ollama_on_this_computer_is_written_in_one_way(text, url):
    assert setting_values.ollama_url(text, 11434) == url


@pytest.mark.parametrize(
    "text",
    [
        "http://192.168.0.2:11435",
        "http://ollama.example:11435",
        "https://127.0.0.1:11435",
        "http://127.0.0.1",
        "http://127.0.0.1:11435/v1",
        "http://me:secret@127.0.0.1:11435",
        "http://127.0.0.1:0x1",
        "http://127.0.0.1:70000",
        "",
    ],
)
def test_what_is_asked_of_local_models_does_not_leave_this_computer(text):
    with pytest.raises(NotAllowed):
        FIELDS["local_ollama"].read(text)


def test_limits_of_apps_are_names_with_an_amount():
    read = setting_values.app_limits

    assert read("vscode-copilot=1, Home Assistant = $0.50,, my app=2") == {
        "vscode-copilot": 1.0,
        "home assistant": 0.5,
        "my app": 2.0,
    }
    assert read("") == {}


@pytest.mark.parametrize(
    "text", ["zed", "zed=", "=1", "zed=soon", "zed=-1", "zed=nan", "zed=inf", "zed=1 cline=2", "zed=1,cline"]
)
def test_what_is_no_limit_of_an_app_is_refused(text):
    """It would be no limit at all."""
    with pytest.raises(NotAllowed):
        FIELDS["app_limits_usd"].read(text)

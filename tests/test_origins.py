"""What is asked about, what is not, and that nobody can look like somebody else."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tray_proxy.origins import MAX_LENGTH, Visitor, is_plain

PAGE_ASSIST = "chrome-extension://jfgfiigpkhlkbnfnbobbkinehhfdhndo"
FIREFOX = "moz-extension://0f0c3c5e-8a1b-4d6e-9f00-1a2b3c4d5e6f"
SAFARI = "safari-web-extension://0F0C3C5E-8A1B-4D6E-9F00-1A2B3C4D5E6F"
LONG = "a" * 60


@pytest.mark.parametrize(
    "origin",
    ["https://chat.example", "http://chat.example:8080", "https://chat.example:80", "http://mybox:9999",
    "http://a_b.lan", "https://xn--bcher-kva.example", "http://192.168.1.7:3000", "http://[2001:db8::1]:8080",
    "http://localhost.evil.example", PAGE_ASSIST, FIREFOX, SAFARI],
)  # fmt: skip
def test_what_a_browser_writes_is_asked_about(origin):
    assert is_plain(origin) is True


@pytest.mark.parametrize(
    "origin",
    ["", "null", "NULL", "*", "https://", "https://*", "https://*.example", "chat.example", "//chat.example",
     "HTTPS://chat.example", "https://Chat.example", "https://bücher.example", "https://\u202echat.example",
     "https://chat.example\x00", "https://chat.example\n", "https://chat.example\x1b[31m", "https://chat.example/",
     "https://chat.example/a", "https://chat.example?a", "https://chat.example#a", "https://user@chat.example",
     "https://user:word@chat.example", "https://localhost\\@chat.example", "https://chat.example.",
     "https://chat..example", "https://.chat.example", "https://-chat.example", f"https://{'a' * 64}.example",
     "https://chat.example:", "https://chat.example:0", "https://chat.example:08", "https://chat.example:65536",
     "https://chat.example:443", "http://chat.example:80", "https://chat.example:80:80",
     "http://localhost:1.evil.example", "http://999.1.1.1", "http://127.1", "http://2130706433", "http://127.0.0.1.",
     "http://[::1", "http://[]", "http://[0:0::1]", "http://::1", "http://[fe80::1%25eth0]",
     "https://chat.example https://other.example", "https://chat%2eexample", "chrome-extension://*",
     "chrome-extension://abc", PAGE_ASSIST.upper(), f"{PAGE_ASSIST}x", f"{PAGE_ASSIST}/", f"{PAGE_ASSIST}.evil.example",
     f"https://{PAGE_ASSIST}", "moz-extension://*", "moz-extension://abc", f"{FIREFOX}:1", "file://",
     "app://obsidian.md", "data:text/html,x", "javascript://chat.example", "ftp://chat.example",
     f"https://{LONG}.{LONG}.example"],
)  # fmt: skip
def test_nothing_else_is(origin):
    assert is_plain(origin) is False


def test_an_origin_of_the_greatest_length_is_asked_about():
    origin = f"https://{LONG}.{LONG}"[: MAX_LENGTH - 2]

    assert [is_plain(origin + end) for end in ("aa", "aaa")] == [True, False]


@pytest.mark.parametrize(
    ("origin", "site"),
    [
        ("https://chat.example", "chat.example"),
        ("http://a.b.c.evil.example:8080", "evil.example"),
        ("https://someone.co.uk", "someone.co.uk"),
        ("https://a.b.someone.co.uk", "someone.co.uk"),
        ("https://co.uk", "co.uk"),
        ("https://a.someone.de", "someone.de"),
        ("http://mybox:9999", "mybox"),
        ("http://192.168.1.7:3000", "192.168.1.7"),
        ("http://[2001:db8::1]:8080", "[2001:db8::1]"),
        (PAGE_ASSIST, PAGE_ASSIST),
    ],
)
def test_what_one_owner_can_make_up_at_will_is_one_site(origin, site):
    assert Visitor(origin).site == site


@pytest.mark.parametrize(
    ("origin", "told"),
    [
        ("https://chat.example", "https://chat.example"),
        ("https://xn--pypal-4ve.com", "https://xn--pypal-4ve.com"),
        (PAGE_ASSIST, "“Page Assist” (browser extension)"),
        ("app://obsidian.md", "“Obsidian”"),
        (FIREFOX, FIREFOX),
        (SAFARI, SAFARI),
        (f"https://paypal.com.{LONG}.evil.example:8080", "https://….evil.example:8080"),
        ("https://accounts.paypal.com.evil.example", "https://….com.evil.example"),
        # A part of a name without its beginning would be somebody else's.
        (f"https://{LONG[:30]}-paypal.com", f"https://{LONG[:30]}-paypal.com"),
        (f"https://a.{LONG[:30]}-paypal.com", f"https://….{LONG[:30]}-paypal.com"),
        (f"https://www.b.{LONG[:30]}.co.uk", f"https://….{LONG[:30]}.co.uk"),
    ],
)
def test_the_end_of_a_name_which_tells_whose_it_is_always_stays_whole(origin, told):
    assert Visitor(origin).told(30) == told


def test_an_address_is_never_shortened():
    assert Visitor("http://[2001:db8:1:2:3:4:5:6]:8080").told(20) == "http://[2001:db8:1:2:3:4:5:6]:8080"


@pytest.mark.parametrize(
    ("origin", "is_extension"),
    [(PAGE_ASSIST, True), (FIREFOX, True), (SAFARI, True), ("https://chat.example", False)],
)
def test_an_extension_is_told_from_a_page(origin, is_extension):
    assert Visitor(origin).is_extension is is_extension


def test_only_the_very_extension_bears_its_name():
    """Another id, or a page with that id in its name, is told by its origin."""
    other = PAGE_ASSIST[:-1] + "p"

    assert [Visitor(each).name for each in (PAGE_ASSIST, other, "https://chat.example")] == ["Page Assist", "", ""]


# What an attacker could make a name of, and more of it than chance would find.
LABELS = st.sampled_from(["evil", "example", "paypal", "com", "co", "uk", "a-b", "a_b", "a" * 32, "b" * 60, "xn--4ve"])
ENDS = st.sampled_from(["", "", ":8080", ":1", ":65535", ":443", ":0", ".", "/"])
PIECES = st.sampled_from(
    ["http://", "null", "evil", "example", "com", ".", "..", "-", ":", ":8080", ":99999", "@", "/", "#", "?", "\\",
     "%2e", "[::1]", "1.2.3.4", "A", "ü", "\u202e", "\u200b", "\uff0e", "\x00", "\r\n", "\t", " ", "<b>", "&", "*"]
)  # fmt: skip
SCHEMES = st.sampled_from(["http://", "https://", "chrome-extension://", "moz-extension://", "", "HTTPS://"])
HOSTS = st.lists(LABELS, min_size=2, max_size=5).map(".".join)
PAGES = st.builds("{}{}{}".format, st.sampled_from(["http://", "https://"]), HOSTS, ENDS)
ORIGINS = PAGES | st.builds("{}{}".format, SCHEMES, st.lists(PIECES, max_size=8).map("".join))
PLAIN = re.compile(r"(https?://[a-z0-9_.:\[\]-]+|[a-z-]+://[A-Za-z0-9-]+)")


@given(ORIGINS)
def test_whatever_a_page_calls_itself_it_is_told_plainly_and_by_its_end_or_not_at_all(origin):
    if not is_plain(origin):
        return
    visitor = Visitor(origin)
    told = visitor.told(30)

    assert PLAIN.fullmatch(origin)
    assert len(origin) <= MAX_LENGTH
    assert PLAIN.fullmatch(told.replace("…", "", 1).replace("://.", "://"))
    assert told.partition("://")[0] == origin.partition("://")[0]
    assert origin.endswith(told.rpartition("…")[2])
    assert visitor.site in told

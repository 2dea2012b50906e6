"""The page's listener: opened when it is wanted, once."""

import httpx
import pytest
from starlette.responses import PlainTextResponse

from tray_proxy.page import Page
from tray_proxy.web import app
from tray_proxy.web.events import Events
from tray_proxy.web.http import Route


async def hello(_request):
    return PlainTextResponse("hello")


@pytest.fixture
def page(loop):
    async def make():
        return Page([Route("/hello", hello)], Events())

    page = loop.submit(make()).result(15)
    yield page
    loop.submit(page.close()).result(15)


def test_an_address_opens_the_page_and_its_routes(page, loop):
    url = loop.submit(page.url("")).result(15)

    with httpx.Client(trust_env=False) as browser:
        assert browser.get(url).status_code == 303
        assert browser.get(url.partition("/open")[0] + "/hello").text == "hello"


def test_all_addresses_lead_to_one_listener(page, loop):
    first, second = (loop.submit(page.url("models")).result(15) for _ in range(2))

    assert first.partition("/open")[0] == second.partition("/open")[0]
    assert first != second


def test_a_page_that_could_not_be_read_is_read_when_somebody_comes_again(page, loop, monkeypatch, tmp_path):
    """Descriptors are short for a moment only, and the program runs for weeks."""
    with monkeypatch.context() as short:
        short.setattr(app, "STATIC", tmp_path)
        with pytest.raises(FileNotFoundError):
            loop.submit(page.url("")).result(15)

    url = loop.submit(page.url("")).result(15)

    assert httpx.get(url, trust_env=False).status_code == 303


def test_the_address_without_a_token_lets_nobody_in(page, loop):
    address = loop.submit(page.address()).result(15)

    assert httpx.get(address, trust_env=False).status_code == 403


def test_a_page_that_was_never_opened_closes_too(page, loop):
    loop.submit(page.close()).result(15)

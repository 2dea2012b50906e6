"""The settings page attacked in a real browser: from other sites, from other ports, and by what it shows."""

import time
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Frame, Page, expect

from attacks.conftest import ELSEWHERE, Site
from desktop.waiting import wait_for
from tray_proxy.web.apps_api import OtherProgram
from tray_proxy.web.settings_api import SettingGroup
from tray_proxy.web.state_api import Notice, Trouble
from tray_proxy.web.visitors_api import VisitorsState
from web.browsing import Visit
from web.fakes import KEY, Served, app, entry, name_row, row, setting, visitor_row

pytestmark = pytest.mark.desktop

FRIENDLY = "Open this page from the tray icon"
PAGES = ("welcome", "models", "apps", "activity", "settings")

# Each gives what it could read or do; "nothing" where it failed.
ATTACKS = {
    "read by fetch": "url => fetch(url + '/api/state', {credentials: 'include'}).then(answer => answer.text())",
    "read without CORS": """url => fetch(url + '/api/state', {mode: 'no-cors', credentials: 'include'})
        .then(answer => answer.text()).then(text => { if (!text) throw 0; return text })""",
    "change by fetch": """url => fetch(url + '/api/models', {method: 'POST', mode: 'no-cors', credentials: 'include',
        body: '{"allowed": null}'}).then(answer => { if (!answer.ok) throw 0; return 'sent' })""",
    "change with our header": """url => fetch(url + '/api/models', {method: 'POST', credentials: 'include',
        body: '{"allowed": null}', headers: {'X-Tray-Proxy': 'page', 'Content-Type': 'application/json'}})
        .then(answer => answer.text())""",
    "delete": "url => fetch(url + '/api/key', {method: 'DELETE', credentials: 'include'}).then(got => got.text())",
    "end the program": """url => fetch(url + '/control/quit', {method: 'POST', mode: 'no-cors', credentials: 'include'})
        .then(answer => { if (!answer.ok) throw 0; return 'ended' })""",
    "beacon": """url => { navigator.sendBeacon(url + '/api/models', new Blob(['{"allowed": null}'],
        {type: 'text/plain'})); throw 0 }""",
    "XMLHttpRequest": """url => new Promise((done, failed) => { const asked = new XMLHttpRequest();
        asked.withCredentials = true; asked.open('GET', url + '/api/settings'); asked.onerror = failed;
        asked.onload = () => done(asked.response); asked.send() })""",
    "listen for news": """url => new Promise((done, failed) => { const news = new EventSource(url + '/api/events',
        {withCredentials: true}); news.onopen = () => done('heard'); news.onerror = failed })""",
    "WebSocket": """url => new Promise((done, failed) => { const socket = new WebSocket(url.replace('http', 'ws') +
        '/api/events'); socket.onopen = () => done('open'); socket.onerror = failed })""",
    **{
        f"include as {tag}": f"""url => new Promise((done, failed) => {{ const part = document.createElement('{tag}');
            part.onload = () => done('loaded'); part.onerror = failed; part.rel = 'stylesheet';
            part.{name} = url + '{path}'; document.body.append(part) }})"""
        for tag, name, path in (
            ("script", "src", "/static/app.js"),
            ("img", "src", "/static/icon.svg"),
            ("link", "href", "/static/page.css"),
        )
    },
    "import as a module": "url => import(url + '/static/store.js').then(part => Object.keys(part).join())",
    "look into a window": """url => new Promise((done, failed) => { const opened = window.open(url + '/');
        const look = setInterval(() => { try { if (opened.closed) throw 0; const seen = opened.document.body.innerText;
        if (seen) done(seen) } catch { clearInterval(look); failed() } }, 5) })""",
}
TRY = "([attack, url]) => Promise.resolve().then(() => eval(attack)(url)).catch(() => 'nothing')"


@pytest.fixture
def owner(browser: Browser, served: Served) -> Any:
    """The browser of the owner, who has the page's cookie, and has closed the page."""
    context = browser.new_context()
    context.set_default_timeout(30_000)
    page = context.new_page()
    page.goto(served.url + served.gate.new_path())
    expect(page.locator("#page")).to_be_visible()
    page.close()
    wait_for(lambda: not served.is_heard(), "the page to be gone")
    served.backend.calls.clear()
    yield context
    context.close()


def place_of(owner: BrowserContext, site: Site, origin: str) -> Page | Frame:
    """Give a page of the attacker's, in the owner's browser."""
    page = owner.new_page()
    if origin == "sandbox":
        site.page = "<iframe sandbox='allow-scripts allow-forms allow-popups' srcdoc='<p>Win!'></iframe>"
        page.goto(f"http://{ELSEWHERE}:{site.port}/")
        return page.frames[1]
    site.page = "<p>Win!"
    page.goto(f"http://{origin}:{site.port}/")
    return page


def test_no_other_page_reads_or_changes_anything(owner: BrowserContext, served: Served, site: Site) -> None:
    """Neither a stranger's, nor that of another program on this computer, to which the browser sends our cookie."""
    for origin in (ELSEWHERE, "127.0.0.1", "localhost", "sandbox"):
        place = place_of(owner, site, origin)

        got = {name: place.evaluate(TRY, [attack, served.url]) for name, attack in ATTACKS.items()}

        assert got == dict.fromkeys(ATTACKS, "nothing"), origin
    assert served.backend.calls == []
    assert not served.is_heard()


def test_no_form_of_another_page_changes_anything(owner: BrowserContext, served: Served, site: Site) -> None:
    """A form goes anywhere, with the cookie where it is of this computer; its text can be made to look like JSON."""
    write = """url => { document.body.innerHTML = `<form method=post enctype=text/plain action="${url}">
        <input name='{"allowed": null, "key": "' value='"}'></form>`; document.forms[0].submit() }"""
    statuses = []
    for origin in (ELSEWHERE, "127.0.0.1", "sandbox"):
        for path in ("/api/models", "/control/quit"):
            place = place_of(owner, site, origin)
            page = place if isinstance(place, Page) else place.page
            with page.expect_response(f"{served.url}{path}") as answered:
                place.evaluate(write, served.url + path)
            statuses.append(answered.value.status)

    assert statuses == [403] * 6
    assert served.backend.calls == []


def test_the_page_is_shown_in_no_frame(owner: BrowserContext, served: Served, site: Site) -> None:
    """Or a click that was meant for another page would hit ours; not even the page that turns people away is shown."""
    page = owner.new_page()
    tags = ("iframe src", "object data", "embed src")
    for origin in (ELSEWHERE, "127.0.0.1"):
        site.page = "".join(f"<{tag}='{served.url}/'></{tag.partition(' ')[0]}>" for tag in tags) + "<p>Win!"

        page.goto(f"http://{origin}:{site.port}/")

        def shown() -> set[str]:
            page.evaluate("1")  # Playwright hears of frames while it waits for something
            return {frame.url for frame in page.frames[1:]} - {""}

        # What the browser puts in their place, where it puts anything there.
        assert wait_for(shown, "the frames to be drawn") == {"chrome-error://chromewebdata/"}
    assert not served.is_heard()


def test_a_name_that_was_made_to_lead_here_leads_to_nothing(owner: BrowserContext, served: Served) -> None:
    """After DNS rebinding the browser takes us for the attacker's site; its page asks, even with our own token."""
    page, opening = owner.new_page(), served.gate.new_path()
    before = f"http://rebound.example:{served.port}/before"
    page.route(before, lambda route: route.fulfill(body="<p>Win!", content_type="text/html"))
    page.goto(before)
    ask = """([path, more]) => fetch(path, more).then(async answer => [answer.status, await answer.text()])"""

    got = [page.evaluate(ask, [path, {}]) for path in ("/", "/api/state", "/static/page.css", opening)]
    headers = {"X-Tray-Proxy": "page", "Content-Type": "application/json"}
    got.append(page.evaluate(ask, ["/api/models", {"method": "POST", "headers": headers, "body": '{"allowed": null}'}]))

    assert got == [[403, ""]] * 5
    assert served.backend.calls == []
    # Nor was the token used up.
    page.goto(served.url + opening)
    expect(page.locator("#page")).to_be_visible()


def test_an_address_that_was_used_opens_nothing_in_another_profile(browser: Browser, served: Served) -> None:
    """Nor does it open anything a second time in the first."""
    address = served.url + served.gate.new_path()
    first, second = browser.new_context(), browser.new_context()
    mine, theirs = first.new_page(), second.new_page()
    mine.goto(address)
    expect(mine.locator("#page")).to_be_visible()

    for page in (theirs, mine):
        page.goto(address)
        expect(page.get_by_role("heading")).to_have_text(FRIENDLY)
    theirs.goto(served.url)

    expect(theirs.get_by_role("heading")).to_have_text(FRIENDLY)
    assert second.cookies() == []
    first.close()
    second.close()


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(
    owner: BrowserContext, served: Served, site: Site
) -> None:
    page = place_of(owner, site, ELSEWHERE)
    page.evaluate("url => { new Image().src = url }", f"http://127.0.0.1:{site.port}/picture")
    (cookie,) = owner.cookies()
    mine = owner.new_page()
    mine.goto(served.url)

    assert (cookie["httpOnly"], cookie["sameSite"], cookie["expires"]) == (True, "Strict", -1)
    assert mine.evaluate("document.cookie") == ""
    assert site.cookies == []


def test_what_another_port_is_shown_is_worth_nothing(owner: BrowserContext, served: Served, site: Site) -> None:
    """Cookies know no ports: a server of another user's, on this computer, is shown ours, and may ask by itself."""
    page = place_of(owner, site, "127.0.0.1")
    page.reload()

    shown = {"Cookie": site.cookies[-1], "X-Tray-Proxy": "page", "Content-Type": "application/json"}
    got = [httpx.get(f"{served.url}{path}", headers=shown, trust_env=False) for path in ("/api/state", "/api/settings")]
    got.append(httpx.post(f"{served.url}/api/models", headers=shown, json={"allowed": None}, trust_env=False))

    assert f"tray_proxy_{served.port}=" in shown["Cookie"]
    assert [answer.status_code for answer in got] == [403] * 3
    assert page.evaluate("localStorage.getItem('mark')") is None
    assert served.backend.calls == []


MARKUP = (
    "<img src=x onerror=document.title='owned'>",
    "</script><script>document.title='owned'</script>",
    "<svg onload=document.title='owned'>",
    "javascript:document.title='owned'",
    '"><iframe src="javascript:parent.document.title=1">',
    "' autofocus onfocus='document.title=1",
    "${document.title='owned'}",
    "<${Outside} href=x><//>",
    "{heading}{words}{{constructor.constructor('document.title=1')()}}",
    "&lt;b&gt;&amp;",
    "\u202egnp.exe\u2066 \u0000\u001b[2J \u2028",
    "__proto__",
)


def hostile(backend: Any, text: str) -> None:
    """Put a text wherever the page shows what somebody else wrote."""
    trouble = Trouble(text, text)
    backend.rows = (row(text, text, description=text, allowed=True, capabilities=(text, "tools")),)
    backend.names = (name_row(text, text, adds=text),)
    backend.entries_told = [entry("1", app=text, model=text, path=text, error=text, outcome="failed", status=502)]
    backend.log_lines = [text]
    backend.apps = (app("open-webui", text, last_error=text, note=text),)
    backend.others = (OtherProgram(agent=text, listed_s=time.time(), shown_s=None, answered_s=None, last_error=text),)
    backend.problem, backend.key_problem, backend.key_label, backend.key_about = trouble, text, text, text
    backend.key, backend.filter_file, backend.status = KEY, text, text
    backend.notices.shown = (Notice("0", text),)
    visitors = (visitor_row(text, text),)
    backend.visitors = VisitorsState(waiting=visitors, allowed=visitors, refused=visitors)
    fields = setting("ollama_origins", label=text, kind="text", value=text, help=text, default=text, allowed=text)
    backend.settings = (SettingGroup(text, (fields,)),)


def test_nothing_that_others_wrote_becomes_a_part_of_the_page(visit: Visit) -> None:
    """Model names, app names, origins, log lines, errors: all of it is text, wherever it is shown."""
    page, backend = visit.page, visit.served.backend
    hostile(backend, " ".join(MARKUP))
    visit.open()
    scripts = page.locator("script").count()
    for section in PAGES:
        page.goto(f"{visit.served.url}/#{section}")
        expect(page.locator(f"a[href='#{section}'][aria-current=page]")).to_be_visible()
        expect(page.get_by_text(MARKUP[0]).first).to_be_attached()
        for more in page.locator("summary:visible").all():
            more.click()

        assert page.locator("#page :is(iframe, object, embed, svg[onload], [onerror], [onfocus])").count() == 0
        assert page.locator("a[href^='javascript:' i], img[src=x]").count() == 0
        assert page.locator("script").count() == scripts
        assert page.title().endswith(" – Tray Proxy")
    assert [call for call in backend.calls if call != ("log", None)] == []


@pytest.mark.parametrize("text", [MARKUP[3], MARKUP[-1]])
def test_a_text_that_is_an_address_or_a_name_by_itself_is_a_text(visit: Visit, text: str) -> None:
    """Where it stands alone, it could be taken for a link, or for a property that every object has."""
    hostile(visit.served.backend, text)
    visit.open()
    for section in PAGES:
        visit.page.goto(f"{visit.served.url}/#{section}")
        expect(visit.page.locator(f"a[href='#{section}'][aria-current=page]")).to_be_visible()

        assert visit.page.locator("a[href^='javascript:' i]").count() == 0

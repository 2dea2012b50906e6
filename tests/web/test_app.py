"""The page's files: which there are, and that they ask for nothing from elsewhere."""

import re

import pytest

from tray_proxy.web.gate import STATIC
from web.fakes import Served


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/static/page.css", "text/css; charset=utf-8"),
        ("/static/app.js", "text/javascript; charset=utf-8"),
        ("/static/pages/models.js", "text/javascript; charset=utf-8"),
        ("/static/vendor/preact.js", "text/javascript; charset=utf-8"),
        ("/static/icon.svg", "image/svg+xml"),
    ],
)
def test_the_files_of_the_page_have_their_types(served: Served, path: str, media_type: str) -> None:
    """With nosniff, a module of the wrong type does not run."""
    answer = served.visitor().get(path)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == media_type


@pytest.mark.parametrize(
    "path",
    [
        "/static/",
        "/static/none.js",
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e/app.py",
        "/static/..%5capp.py",
        "/static//etc/passwd",
        "/static/app.js%00",
        "/static/index.html",
        "/docs",
        "/openapi.json",
    ],
)
def test_no_other_file_can_be_had(served: Served, path: str) -> None:
    """A request names no file: it names an entry of a fixed list."""
    visitor = served.visitor()
    # As bytes on the wire, for httpx would tidy up the dots.
    request = visitor.build_request("GET", "/", extensions={"target": path.encode()})

    assert visitor.send(request).status_code == 404


# Other people's, as they ship it, and their licences.
OURS = [path for path in sorted(STATIC.rglob("*.*")) if path.parent.name != "vendor"]
SCRIPTS = [path for path in OURS if path.suffix == ".js"]


def test_the_pages_files_ask_for_nothing_from_elsewhere() -> None:
    """No font, no script, no picture of another host; what is followed by a click is the only foreign address."""
    hosts = {
        found for path in OURS for found in re.findall(r"https?://([^\s\"'<`/]+)", path.read_text(encoding="utf-8"))
    }

    assert hosts == {"www.w3.org", "openrouter.ai"}


def test_the_pages_scripts_write_text_and_never_markup() -> None:
    """What names a model stays a name."""
    ways = re.compile(r"[iI]nnerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|Function\(|srcdoc")

    assert [path.name for path in SCRIPTS if ways.search(path.read_text(encoding="utf-8"))] == []


def test_every_module_of_the_page_is_short() -> None:
    """The house rule for Python holds here too; style sheets are lists and may be longer."""
    too_long = [path.name for path in SCRIPTS if len(path.read_text(encoding="utf-8").splitlines()) > 400]

    assert too_long == []

"""What the settings page is told and may ask for, over a real socket."""

import logging
import re

import pytest

from tray_proxy.errors import (
    CatalogueUnavailable,
    KeychainUnavailable,
    KeyRejected,
    ModelNotFound,
    ProxyError,
    UpstreamError,
)
from tray_proxy.web.gate import STATIC
from web.fakes import KEY, XSS_NAME, Served, name_row


def test_the_state_tells_everything_the_page_shows(served: Served) -> None:
    """One reading draws the whole page."""
    served.backend.key = KEY

    state = served.visitor().get("/api/state").json()

    models = state.pop("models")
    assert state == {
        "version": "0.1.0",
        "demo": False,
        "running": True,
        "status": "On: apps reach it at 127.0.0.1:11434",
        "address": "http://127.0.0.1:11434",
        "problem": None,
        "key": {"present": True, "source": "keyring", "problem": None},
    }
    assert models.pop("entries")[0] == {
        "id": "anthropic/claude-sonnet-4.5",
        "name": "Anthropic: Claude Sonnet 4.5",
        "allowed": True,
        "free": False,
        "context_length": 1_000_000,
        "capabilities": ["completion", "vision", "tools", "thinking"],
        "prompt_usd_per_million": "3",
        "completion_usd_per_million": "15",
        "listed": True,
    }
    assert models == {"all_allowed": False, "hidden": [], "filter_file": None, "age_s": 300.0, "names": []}


def test_the_state_tells_of_the_owners_own_names(served: Served) -> None:
    served.backend.names = (name_row("brief:latest", adds="“Be brief.”", answers=False, kept=False),)

    assert served.visitor().get("/api/state").json()["models"]["names"] == [
        {"name": "brief:latest", "model": "openai/gpt-4o", "adds": "“Be brief.”", "answers": False, "kept": False}
    ]


def test_a_name_that_is_markup_goes_out_as_json(served: Served) -> None:
    """Whoever names a model must not write into our page."""
    answer = served.visitor().get("/api/state")

    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["models"]["entries"][3]["name"] == XSS_NAME


def test_a_pasted_key_is_trimmed_and_stored(served: Served) -> None:
    """What is copied often brings a line end along."""
    answer = served.visitor().post("/api/key", json={"key": f"  {KEY}\n"})

    assert answer.status_code == 200
    assert answer.json() == {"message": "The key works and is kept in your system's key store."}
    assert served.backend.calls == [("store_key", KEY)]


def test_a_pasted_key_can_be_tested_without_being_stored(served: Served) -> None:
    """Looking first is allowed."""
    answer = served.visitor().post("/api/key/test", json={"key": f" {KEY} "})

    assert answer.json() == {"message": "This key works: $4.20 of credit left."}
    assert served.backend.calls == [("test_key", KEY)]
    assert served.backend.key is None


@pytest.mark.parametrize("content", [{}, {"key": None}])
def test_without_a_key_the_stored_one_is_tested(served: Served, content: dict[str, None]) -> None:
    """The page does not have it, and does not need it."""
    served.visitor().post("/api/key/test", json=content)

    assert served.backend.calls == [("test_key", None)]


def test_the_key_can_be_forgotten(served: Served) -> None:
    """The way out is as short as the way in."""
    served.backend.key = KEY

    answer = served.visitor().delete("/api/key")

    assert answer.status_code == 204
    assert served.backend.calls == [("forget_key", None)]


@pytest.mark.parametrize("path", ["/api/key", "/api/key/test"])
@pytest.mark.parametrize(
    ("pasted", "error"),
    [
        ("", "There is no key in the field."),
        (" \n", "There is no key in the field."),
        ("sk-or two", "This is not a key: it has spaces or special characters in it."),
        ("sk-or\r\nX-Evil: 1", "This is not a key: it has spaces or special characters in it."),
        ("sk-or-ключ", "This is not a key: it has spaces or special characters in it."),
    ],
)
def test_what_cannot_be_a_key_is_not_asked_about(served: Served, path: str, pasted: str, error: str) -> None:
    """OpenRouter does not need to see what else was in the clipboard."""
    answer = served.visitor().post(path, json={"key": pasted})

    assert answer.status_code == 422
    assert answer.json() == {
        "error": error,
        "hint": "Copy the key from openrouter.ai/keys and paste it again.",
    }
    assert served.backend.calls == []


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (KeyRejected("OpenRouter does not know this key."), 422),
        (UpstreamError("OpenRouter says no.", status=403), 422),
        (UpstreamError("OpenRouter is ill.", status=503), 503),
        (KeychainUnavailable("The key store is locked."), 503),
    ],
)
def test_a_wrong_key_is_not_mistaken_for_a_lost_session(served: Served, fault: ProxyError, status: int) -> None:
    """The page takes 403 for "open me again"; a rejected key must read differently."""
    served.backend.fault = fault

    answer = served.visitor().post("/api/key", json={"key": KEY})

    assert answer.status_code == status
    assert answer.json() == {"error": fault.message, "hint": fault.hint}


@pytest.mark.parametrize("path", ["/api/key", "/api/key/test"])
def test_a_key_that_is_quoted_in_an_error_is_blotted_out(served: Served, path: str) -> None:
    """OpenRouter, or a hotel's login page, may repeat what it was sent."""
    served.backend.fault = KeyRejected(f"No cookie for Bearer {KEY}")

    answer = served.visitor().post(path, json={"key": KEY})

    assert answer.json()["error"] == "No cookie for Bearer (your key)"
    assert KEY not in answer.text


def test_a_key_that_is_quoted_in_an_answer_is_blotted_out(served: Served) -> None:
    """The key goes in and never comes out."""
    served.backend.answer = f"{KEY} works."

    answer = served.visitor().post("/api/key/test", json={"key": KEY})

    assert answer.json() == {"message": "(your key) works."}


def test_the_key_is_in_no_answer_and_no_log_line(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever goes right or wrong, it is written nowhere."""
    caplog.set_level(logging.DEBUG)
    visitor = served.visitor()

    answers = [
        visitor.post("/api/key/test", json={"key": KEY}),
        visitor.post("/api/key", json={"key": KEY}),
        visitor.post("/api/key", json={"key": KEY, "more": 1}),
        visitor.post("/api/key", json={"key": [KEY]}),
        visitor.post("/api/key", json=KEY),
        visitor.post("/api/key", content=f'{{"key": "{KEY}"'),
        visitor.post("/api/models", json={"allowed": KEY}),
        visitor.get("/api/state"),
        visitor.get("/"),
    ]

    assert not [answer.request.url.path for answer in answers if KEY in answer.text + str(answer.headers)]
    assert KEY not in caplog.text


@pytest.mark.parametrize("allowed", [["openai/gpt-5.1", "x"], [], None])
def test_models_are_allowed_as_sent(served: Served, allowed: list[str] | None) -> None:
    """An empty list allows none; null allows every one."""
    answer = served.visitor().post("/api/models", json={"allowed": allowed})

    assert answer.status_code == 204
    assert served.backend.calls == [("allow_models", None if allowed is None else tuple(allowed))]


@pytest.mark.parametrize("kept", [True, False])
def test_a_name_is_removed_and_restored_as_sent(served: Served, kept: bool) -> None:
    answer = served.visitor().post("/api/names", json={"name": "fast:latest", "kept": kept})

    assert answer.status_code == 204
    assert served.backend.calls == [("keep_name", ("fast:latest", kept))]


def test_a_name_that_is_gone_is_told(served: Served) -> None:
    """Removed twice, from two pages, or restored after a restart."""
    served.backend.fault = ModelNotFound("fast:latest")

    answer = served.visitor().post("/api/names", json={"name": "fast:latest", "kept": True})

    assert (answer.status_code, answer.json()["error"]) == (404, "model 'fast:latest' not found")


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"name": "x"}', b'{"name": 1, "kept": true}', b'{"name": "x", "kept": 1}']
)
def test_a_name_that_cannot_be_read_changes_nothing(served: Served, content: bytes) -> None:
    answer = served.visitor().post("/api/names", content=content)

    assert (answer.status_code, served.backend.calls) == (400, [])


def test_models_that_cannot_be_saved_are_told(served: Served) -> None:
    """With what to do about it."""
    served.backend.fault = CatalogueUnavailable("The list is not there yet.")

    answer = served.visitor().post("/api/models", json={"allowed": []})

    assert answer.status_code == 503
    assert answer.json() == {
        "error": "The list is not there yet.",
        "hint": "Check the internet connection; Tray Proxy keeps trying by itself.",
    }


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"allowed": "all"}',
        b'{"allowed": [1]}',
        b'{"allowed": ["\xff"]}',
        b'{"allowed": ["\\ud800"]}',
        b'{"more": ' + b"[" * 100_000,
        b'{"allowed": [' + b"9" * 5_000 + b"]}",
        b'{"allowed": NaN}',
    ],
)
def test_a_body_that_cannot_be_read_changes_nothing(served: Served, content: bytes) -> None:
    """Least of all what is allowed."""
    answer = served.visitor().post("/api/models", content=content)

    assert answer.status_code == 400
    assert answer.json() == {
        "error": "Tray Proxy could not read what the page sent.",
        "hint": "Load the page anew and try again.",
    }
    assert served.backend.calls == []


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/static/page.css", "text/css; charset=utf-8"),
        ("/static/page.js", "text/javascript; charset=utf-8"),
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
        "/static/page.js%00",
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


def test_the_pages_files_ask_for_nothing_from_elsewhere() -> None:
    """No font, no script, no picture of another host; a link to follow is the only foreign address."""
    addresses = [
        (path.name, found)
        for path in sorted(STATIC.iterdir())
        for found in re.findall(r"https?://[^\s\"'<]+", path.read_text(encoding="utf-8"))
    ]

    assert addresses == [
        ("icon.svg", "http://www.w3.org/2000/svg"),
        ("index.html", "https://openrouter.ai/keys"),
    ]


def test_the_pages_scripts_write_text_and_never_markup() -> None:
    """What names a model stays a name."""
    ways = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|Function\(|srcdoc")

    assert [path.name for path in STATIC.glob("*.js") if ways.search(path.read_text(encoding="utf-8"))] == []


def test_every_module_of_the_page_is_short() -> None:
    """The house rule for Python holds here too; style sheets are lists and may be longer."""
    too_long = [p.name for p in STATIC.glob("*.js") if len(p.read_text(encoding="utf-8").splitlines()) > 400]

    assert too_long == []

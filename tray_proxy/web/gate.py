"""
Who may see the settings page, and how it is opened.

The page can store a key and allow models that cost money, and any program or web page may knock at a
loopback port. So the tray opens the page by an address that works once; what that leaves in the browser is a
cookie that no script can read and no other site can make use of. Another site's page is told apart by Host
(DNS rebinding), Origin and Sec-Fetch-Site, and cannot send our own header: no preflight is ever granted.

A browser shows its cookies to every port of this computer, and a port may be another user's. So the page is handed a
mark as well, behind the "#" of the address it is led to, which no server is sent; whatever it asks bears that mark.

OpenRouter sends the browser back to one path, from its own site and so without the cookie: there the state in the query
guards what can be done, and a stranger is shown a page that says no.

Another start of the program has no cookie. It shows a token, which lies in a file that only the owner can read; with
that it reaches two paths, which no browser does.
"""

import hmac
import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tray_proxy.errors import BodyTooLarge
from tray_proxy.instance import CONTROL_PATHS
from tray_proxy.openrouter.sign_in import CALLBACK_PATH
from tray_proxy.texts import text

STATIC = Path(__file__).with_name("static")

OPEN_PATH = "/open"
# The page that turns people away wants to look like ours; nothing is to be learned from the style sheet.
PUBLIC_PATHS = frozenset({"/static/page.css"})
# A browser asks for it by itself, without headers of ours; it tells nothing but that something has changed.
NEWS_PATH = "/api/events"
# Before the mark, behind the "#".
MARK_SIGN = "~"

TOKEN_LIFE_S = 120.0
MAX_PENDING = 8
MAX_BODY_BYTES = 256 * 1024

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class _Ticket:
    token: str
    expires_s: float
    section: str


class PageGate:
    """The door of one page listener: mints the addresses that open the page, and turns everyone else away."""

    def __init__(
        self, port: int, control_token: str | None = None, *, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        """
        Guard the listener on this port.

        Args:
            port: The port that is bound; a Host header must name it.
            control_token: What another start of the program shows; one is made up where it is None.
            now_s: A clock that never goes back, in seconds.
        """
        self._hosts = frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]"))
        # A cookie is for all ports of a host: under one name, two copies would throw out each other's.
        self._cookie = f"tray_proxy_{port}"
        self._session = secrets.token_urlsafe(32)
        self._mark = secrets.token_urlsafe(32)
        self.control_token = control_token or secrets.token_urlsafe(32)
        self._now_s = now_s
        self._lock = threading.Lock()
        self._tickets: list[_Ticket] = []
        self._refused = (STATIC / "refused.html").read_text(encoding="utf-8")

    def new_path(self, section: str = "") -> str:
        """
        Give a path that opens the page once, within `TOKEN_LIFE_S`. May be called from any thread.

        Args:
            section: Where on the page to begin, for example "models"; empty for its top.
        """
        if re.fullmatch(r"[a-z-]*", section) is None:
            raise ValueError(f"not a section of the page: {section!r}")
        ticket = _Ticket(secrets.token_urlsafe(32), self._now_s() + TOKEN_LIFE_S, section)
        with self._lock:
            self._tickets = [*self._tickets, ticket][-MAX_PENDING:]
        return f"{OPEN_PATH}?token={ticket.token}"

    def protect(self, app: ASGIApp) -> ASGIApp:
        """Put this gate in front of the page's app; plain ASGI, so that a client's leaving is passed on."""

        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan":
                await app(scope, receive, send)
                return
            if scope["type"] != "http":
                await send({"type": "websocket.close", "code": 1008})
                return

            async def send_secured(message: Message) -> None:
                if message["type"] == "http.response.start":
                    MutableHeaders(scope=message).update(SECURITY_HEADERS)
                await send(message)

            answer = self._judge(Request(scope))
            if answer is not None:
                await answer(scope, receive, send_secured)
                return
            try:
                body = await _read_body(receive)
            except BodyTooLarge as error:
                words = {"error": error.message, "hint": text("page.too-much-hint")}
                await JSONResponse(words, status_code=error.status)(scope, receive, send_secured)
            except ClientDisconnect:
                return
            else:
                await app(scope, _replay(body, receive), send_secured)

        return guarded

    def _judge(self, request: Request) -> Response | None:
        """What the gate answers by itself; None lets the request through."""
        # The path as the router sees it: `request.url` joins Host, path and query and takes them apart anew.
        path: str = request.scope["path"]
        headers = request.headers
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return Response(status_code=403)
        if path == CALLBACK_PATH:
            # OpenRouter sends the browser here, from its own site and so without our cookie; its state guards it.
            return None if request.method == "GET" and _is_visit(headers) else self._refusal(path)
        if _is_from_elsewhere(headers, own_origin=f"http://{hosts[0]}"):
            return self._refusal(path)
        if path in CONTROL_PATHS.values():
            return None if request.method == "POST" and self._is_our_program(headers) else Response(status_code=403)
        if path == OPEN_PATH:
            return self._open(request)
        if path not in PUBLIC_PATHS and not self._has_session(headers):
            return self._refusal(path)
        if path.startswith("/api/") and path != NEWS_PATH and not self._is_marked(headers):
            return self._refusal(path)
        if request.method not in ("GET", "HEAD") and not (self._is_marked(headers) and _is_json(headers)):
            return self._refusal(path)
        return None

    def _open(self, request: Request) -> Response:
        ticket = self._redeem(request.query_params.get("token", "")) if request.method == "GET" else None
        if ticket is None:
            return self._refusal(OPEN_PATH)
        answer = RedirectResponse(f"/#{ticket.section}{MARK_SIGN}{self._mark}", status_code=303)
        # Not Secure: loopback speaks plain http, and Safari would then not send the cookie back.
        answer.set_cookie(self._cookie, self._session, path="/", httponly=True, samesite="strict")
        return answer

    def _redeem(self, token: str) -> _Ticket | None:
        """Take the ticket out, so that it opens nothing a second time."""
        with self._lock:
            now_s = self._now_s()
            valid = [ticket for ticket in self._tickets if now_s < ticket.expires_s]
            found = [ticket for ticket in valid if _is_same(ticket.token, token)]
            self._tickets = [ticket for ticket in valid if ticket not in found]
        return found[0] if found else None

    def _has_session(self, headers: Headers) -> bool:
        # Split by hand: http.cookies gives up on the whole line when another local program's cookie is odd.
        pairs = [pair.strip().partition("=") for line in headers.getlist("cookie") for pair in line.split(";")]
        return any(name == self._cookie and _is_same(self._session, value) for name, _, value in pairs)

    def _is_marked(self, headers: Headers) -> bool:
        return _is_same(self._mark, headers.get("x-tray-proxy", ""))

    def _is_our_program(self, headers: Headers) -> bool:
        # Browsers say where a request comes from, even one of our own page, which has no business there.
        is_from_browser = any(name == "origin" or name.startswith("sec-fetch-") for name in headers)
        offered = headers.getlist("authorization")
        return not is_from_browser and len(offered) == 1 and _is_same(f"Bearer {self.control_token}", offered[0])

    def _refusal(self, path: str) -> Response:
        if path.startswith("/api/"):
            words = {"error": text("page.no-session"), "hint": text("page.no-session-hint")}
            return JSONResponse(words, status_code=403)
        return HTMLResponse(self._refused, status_code=403)


def _is_same(secret: str, offered: str) -> bool:
    return hmac.compare_digest(secret.encode(), offered.encode("utf-8", "surrogatepass"))


def _is_from_elsewhere(headers: Headers, *, own_origin: str) -> bool:
    """
    Whether another site had a hand in this request. A typed address and the tray's own opening say "none".

    Source: Fetch Metadata Request Headers, W3C, section 2.4.
    """
    return any(origin != own_origin for origin in headers.getlist("origin")) or any(
        site not in ("same-origin", "none") for site in headers.getlist("sec-fetch-site")
    )


def _is_visit(headers: Headers) -> bool:
    """
    Whether a person's browser goes to this address, and not a script or a picture of some page.

    Source: Fetch Metadata Request Headers, W3C, sections 2.1 and 2.2.
    """
    return all(mode == "navigate" for mode in headers.getlist("sec-fetch-mode")) and all(
        place == "document" for place in headers.getlist("sec-fetch-dest")
    )


def _is_json(headers: Headers) -> bool:
    return headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


async def _read_body(receive: Receive) -> bytes:
    """Read the whole body; raises `BodyTooLarge` beyond `MAX_BODY_BYTES`, and then reads no further."""
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLarge(text("page.too-much"))
    return body


def _replay(body: bytes, receive: Receive) -> Receive:
    """Hand out the body that was read already; after it come the client's own messages."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return waiting.pop() if waiting else await receive()

    return next_message

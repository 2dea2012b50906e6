"""
Signing in with OpenRouter on the page: begun there, confirmed at OpenRouter, and back by the browser or by a code.

What comes back by the browser is another site's link to our port, without our cookie: only the state in its query says
that it is ours. It changes nothing but the one attempt that it belongs to, and its answer is a page without a script.
"""

import asyncio
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs

import msgspec

from tray_proxy import redaction
from tray_proxy.errors import BadRequest, ProxyError, UpstreamError
from tray_proxy.openrouter.client import OpenRouterClient
from tray_proxy.openrouter.sign_in import CALLBACK_PATH, LIFE_S, Attempt, SignIn, SignInRefused
from tray_proxy.secret_str import SecretStr
from tray_proxy.setting_values import is_key
from tray_proxy.texts import text
from tray_proxy.web.http import FormInvalid, Request, Response, Route, done, read, reply
from tray_proxy.web.key_api import KeyDesk

# Of another's words, so much is shown.
MAX_WORDS = 200


class SignInState(msgspec.Struct, frozen=True, kw_only=True):
    """
    Whether the owner is waited for.

    `url` opens OpenRouter's page once more, `on_screen` says that it shows a code to be pasted here. `problem` is why
    there is no key yet, and what to do, in sentences.
    """

    waiting: bool = False
    on_screen: bool = False
    url: str | None = None
    problem: str | None = None


class NoSignIn(BadRequest):
    """There is a code, and no attempt that it could belong to."""

    status = 409

    def __init__(self) -> None:
        super().__init__(text("sign_in.none_under_way"))
        self.hint = text("sign_in.none_under_way_hint")


class NotSignedIn(ProxyError):
    """What the browser brought back gives no key; the message says what to do as well."""

    status = 422
    hint = ""


class SignInDesk:
    """
    What the page does to sign in. To be used from the event loop.

    Args:
        keys: Keeps the key.
        changed: Told whenever the state is another one.
    """

    def __init__(self, client: OpenRouterClient, sign_in: SignIn, keys: KeyDesk, changed: Callable[[], None]) -> None:
        self._client = client
        self._sign_in = sign_in
        self._keys = keys
        self._changed = changed
        self._state = SignInState()
        self._shown: Attempt | None = None
        self._end: asyncio.TimerHandle | None = None

    def state(self) -> SignInState:
        """Tell what there is to show."""
        return self._state

    def begin(self, port: int | None) -> str:
        """
        Begin to sign in, and return the address that the browser is to open.

        Args:
            port: Where the page listens; None has the code shown on the screen.

        Raises:
            KeyUnusable: the key was given at the start, and stays.
        """
        self._keys.must_be_changeable()
        attempt = self._sign_in.begin(port)
        self._show(SignInState(waiting=True, on_screen=port is None, url=attempt.url), attempt)
        self._end = asyncio.get_running_loop().call_later(LIFE_S, self._give_up)
        return attempt.url

    def cancel(self) -> None:
        """Wait no longer."""
        self._sign_in.cancel()
        self._show(SignInState())

    async def come_back(self, query: Mapping[str, str]) -> str:
        """
        Take what the browser brought back from OpenRouter.

        Returns:
            What to say of the key that is now kept.

        Raises:
            ProxyError: there is no key.
        """
        attempt = self._sign_in.take(query.get("state", ""))
        if attempt is None:
            raise NotSignedIn(text("sign_in.not_ours"))
        code, error = query.get("code", ""), query.get("error", "")
        if is_key(code):
            return await self._finish(attempt, code)
        if error == "access_denied":
            problem = text("sign_in.denied")
        else:
            problem = text("sign_in.went_wrong", error=error[:MAX_WORDS]) if error else text("sign_in.no_code")
        self._show(SignInState(problem=problem))
        raise NotSignedIn(problem)

    async def finish(self, code: str) -> str:
        """
        Take a code that the owner copied.

        Returns:
            What to say of the key that is now kept.

        Raises:
            NoSignIn: nobody is waited for.
            ProxyError: there is no key.
        """
        attempt = self._sign_in.take_any()
        if attempt is None:
            raise NoSignIn
        return await self._finish(attempt, code)

    async def _finish(self, attempt: Attempt, code: str) -> str:
        try:
            key = await self._client.exchange_code(SecretStr(code), attempt.verifier)
        except SignInRefused as error:
            self._fail(attempt, SignInState(), error)
            raise
        except UpstreamError as error:
            # Nobody has seen the code: it is good for another try.
            self._sign_in.give_back(attempt)
            self._fail(attempt, self._state, error)
            raise
        redaction.keep_out(key.get_secret_value())
        try:
            said = await self._keys.store_new(key)
        except ProxyError as error:
            self._fail(attempt, SignInState(), error)
            raise
        self.cancel()
        return said

    def _fail(self, attempt: Attempt, state: SignInState, error: ProxyError) -> None:
        """Show what was wrong with an attempt, unless it was cancelled or replaced meanwhile."""
        if attempt is self._shown:
            problem = f"{error.message} {error.hint}"
            self._show(msgspec.structs.replace(state, problem=problem), attempt if state.waiting else None)

    def _give_up(self) -> None:
        self._show(SignInState(problem=text("sign_in.too_late")))

    def _show(self, state: SignInState, attempt: Attempt | None = None) -> None:
        if self._end is not None and attempt is not self._shown:
            self._end.cancel()
        self._state, self._shown = state, attempt
        self._changed()


class _ToBegin(msgspec.Struct, frozen=True):
    on_screen: bool = False


class _CodeToFinish(msgspec.Struct, frozen=True):
    code: str


def routes(desk: SignInDesk) -> list[Route]:
    """Return what the page asks for to sign in, and where the browser comes back to."""

    def page(heading: str, words: str, status: int = 200) -> Response:
        # Late: a server has no use for it, and HTML's names alone weigh 0.3 MB.
        import html

        from starlette.responses import HTMLResponse

        from tray_proxy.web.gate import STATIC

        back_page = (STATIC / "signed-in.html").read_text(encoding="utf-8")
        # Their own words may be anybody's: what stands on the page is text.
        filled = back_page.replace("{heading}", html.escape(heading)).replace("{words}", html.escape(words))
        return HTMLResponse(filled, status_code=status)

    async def come_back(request: Request) -> Response:
        try:
            said = await desk.come_back(request.query_params)
        except ProxyError as error:
            may_come_again = isinstance(error, UpstreamError) and desk.state().waiting
            words = text("sign_in.reload", problem=error.message) if may_come_again else f"{error.message} {error.hint}"
            return page(text("sign_in.come_back_failed"), words, status=400)
        return page(text("sign_in.come_back_done"), said)

    async def state(_request: Request) -> Response:
        return reply(desk.state())

    async def begin(request: Request) -> Response:
        on_screen = (await read(request, _ToBegin)).on_screen
        # The gate has seen to it that the browser knows us by this port.
        return reply({"url": desk.begin(None if on_screen else request.scope["server"][1])})

    async def finish(request: Request) -> Response:
        return reply({"message": await desk.finish(usable_code((await read(request, _CodeToFinish)).code))})

    async def cancel(_request: Request) -> Response:
        desk.cancel()
        return done()

    return [
        Route(CALLBACK_PATH, come_back),
        Route("/api/sign-in", state),
        Route("/api/sign-in", begin, methods=["POST"]),
        Route("/api/sign-in", cancel, methods=["DELETE"]),
        Route("/api/sign-in/code", finish, methods=["POST"]),
    ]


def usable_code(offered: str) -> str:
    """
    Find the code in what was pasted: the code itself, or the address that the browser could not open.

    Raises:
        FormInvalid: there is none.
    """
    code = offered.strip()
    if "code=" in code:
        # Only what stands behind the "?": the rest of an address is of no use, and may be none.
        code = parse_qs(code.partition("#")[0].rpartition("?")[2]).get("code", [""])[-1]
    if not code:
        raise FormInvalid({"code": text("sign_in.code_empty")}, text("sign_in.code_not_used"))
    if not is_key(code):
        raise FormInvalid({"code": text("sign_in.code_malformed")}, text("sign_in.code_not_used"))
    return code

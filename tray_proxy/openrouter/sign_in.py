"""
Signing in with OpenRouter: the address that the browser is sent to, and the one attempt that is under way.

The owner says yes on OpenRouter's own page, which gives a code: to our page, or on the screen where that cannot be
reached. Only who made the challenge can turn the code into a key. OpenRouter passes on no `state`, so ours stands in
the callback's own query.

Source: OpenRouter docs, "OAuth PKCE"; its OpenAPI file, path `/auth/keys`; RFC 7636.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit, urlunsplit

from tray_proxy.errors import ProxyError, UpstreamError, UpstreamUnreachable
from tray_proxy.secret_str import SecretStr
from tray_proxy.texts import text

# What each status of the exchange means; the texts are `sign_in.<word>` and `sign_in.<word>_hint`.
_REFUSALS = {
    400: "refused_as_begun",
    401: "refused_code",
    403: "refused_code",
    404: "refused_here",
    405: "refused_way",
}

CALLBACK_PATH = "/sign-in"
# As long as OpenRouter's code is good.
LIFE_S = 600.0
MAX_LABEL = 100
METHOD = "S256"


class SignInRefused(UpstreamError):
    """OpenRouter has seen the code, and gives no key for it: this attempt is over."""

    status = 422


def refusal(error: ProxyError) -> UpstreamError:
    """
    Say what it means that there was no key for a code.

    Args:
        error: What OpenRouter answered, as `failures` tells it.
    """
    if isinstance(error, UpstreamUnreachable):
        return error  # somebody else answered
    word = _REFUSALS.get(error.status)
    if word is None:
        return UpstreamError(
            text("sign_in.upstream_ill", status=error.status), status=error.status, hint=text("sign_in.later")
        )
    if word == "refused_code" and "expired" in error.message.lower():
        word = "refused_late"
    return SignInRefused(text(f"sign_in.{word}"), hint=text(f"sign_in.{word}_hint"))


def new_verifier() -> str:
    """Make a verifier of 64 characters, all of which may stand in a URL."""
    return secrets.token_urlsafe(48)


def challenge_of(verifier: str) -> str:
    """Return the challenge for a verifier. Source: RFC 7636, section 4.2."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def site_of(api_url: str) -> str:
    """
    Return the address of the website that belongs to an API, without a slash at its end.

    The regions have an API of their own and no website.
    """
    url = urlsplit(api_url)
    host = "openrouter.ai" if url.netloc.endswith(".openrouter.ai") else url.netloc
    return urlunsplit((url.scheme, host, url.path.rstrip("/").removesuffix("/api/v1"), "", ""))


def auth_url(site: str, callback: str | None, challenge: str, label: str) -> str:
    """
    Return the address of the page that asks the owner.

    Args:
        callback: Where the code is sent; None shows it on the screen.
        label: Under which the key stands in the owner's list.
    """
    query = {"code_challenge": challenge, "code_challenge_method": METHOD, "key_label": label}
    return f"{site}/auth?{urlencode(query if callback is None else {'callback_url': callback, **query})}"


def key_label(host: str) -> str:
    """Name the key after the computer it is for."""
    return f"Tray Proxy on {host.removesuffix('.local')}"[:MAX_LABEL] if host else "Tray Proxy"


def key_page(site: str, fingerprint: str) -> str:
    """
    Return the address of a key's own page; only its owner sees it.

    Args:
        fingerprint: SHA-256 of the whole key, in lower-case hex.
    """
    return f"{site}/keys/{fingerprint}"


@dataclass(frozen=True)
class Attempt:
    """One attempt to sign in. `expires_s` is the time on its `SignIn`'s clock from which on its code is worthless."""

    url: str = field(repr=False)
    state: str = field(repr=False)
    verifier: SecretStr
    expires_s: float


class SignIn:
    """
    The attempt that is under way, if any. A new one replaces it.

    Args:
        api_url: OpenRouter's API.
        label: Under which the key stands in the owner's list.
        now_s: A clock that never goes back, in seconds.
    """

    def __init__(self, api_url: str, label: str, now_s: Callable[[], float]) -> None:
        self._site = site_of(api_url)
        self._label = label
        self._now_s = now_s
        self._attempt: Attempt | None = None
        self._taken: Attempt | None = None

    @property
    def attempt(self) -> Attempt | None:
        """The attempt that is waited for."""
        if self._attempt is not None and self._now_s() >= self._attempt.expires_s:
            self._attempt = None
        return self._attempt

    def begin(self, port: int | None) -> Attempt:
        """
        Begin an attempt.

        Args:
            port: Where our page listens for the code; None has it shown on the screen.
        """
        verifier, state = new_verifier(), secrets.token_urlsafe(32)
        callback = None if port is None else f"http://localhost:{port}{CALLBACK_PATH}?{urlencode({'state': state})}"
        url = auth_url(self._site, callback, challenge_of(verifier), self._label)
        self._attempt, self._taken = Attempt(url, state, SecretStr(verifier), self._now_s() + LIFE_S), None
        return self._attempt

    def take(self, state: str) -> Attempt | None:
        """Take the attempt out, so that it is used once; None if it has another state."""
        attempt = self.attempt
        if attempt is None or not hmac.compare_digest(attempt.state.encode(), state.encode("utf-8", "surrogatepass")):
            return None
        return self.take_any()

    def take_any(self) -> Attempt | None:
        """Take the attempt out for a code that the owner copied: no state comes with it."""
        self._taken, self._attempt = self.attempt, None
        return self._taken

    def give_back(self, attempt: Attempt) -> None:
        """Put the attempt back that was taken last: OpenRouter has not seen its code yet."""
        if attempt is self._taken:
            self._attempt, self._taken = attempt, None

    def cancel(self) -> None:
        """Wait no longer."""
        self._attempt = self._taken = None

"""
What the project's release page tells of the newest version.

It has a door of its own to httpx because the way to OpenRouter is another: no key may go this way, nothing that names
this copy, its version or its owner, and no cookie; and GitHub leads on to another host, which OpenRouter never may.
What fits both is shared: proxy servers, certificates, and how names are looked up.
"""

import asyncio
import http.cookiejar
import re
import unicodedata
from typing import Annotated

import httpx
import msgspec
import structlog

from tray_proxy import paths
from tray_proxy.errors import SettingsInvalid
from tray_proxy.keychain import in_thread
from tray_proxy.openrouter import trust

SITE = "https://github.com"
MAX_REDIRECTS = 5
MAX_BYTES = 64 * 1024
LIMIT_S = 10.0
# The same from every copy, whatever its version.
HEADERS = {"User-Agent": "tray-proxy", "Accept": "application/json", "Accept-Encoding": "identity"}

_NUMBERS = r"\A(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})\Z"
# What GitHub's own forms admit for an owner and for a repository.
_REPOSITORY = r"\A[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}/(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,100}\Z"

log = structlog.get_logger(__name__)


class CannotLook(Exception):
    """There is no answer, or none that can be used; its text is for the log."""


class Release(msgspec.Struct, frozen=True):
    """
    A version, and what it changes: sentences.

    Nothing but the TLS certificate of the release page signs it. That is enough, for nothing of it is run, downloaded
    or opened: a number is compared, sentences are shown as text, and the page that is opened is `Source.page`, whatever
    stands here. Whoever could forge it could forge that page, too.
    """

    version: Annotated[str, msgspec.Meta(pattern=_NUMBERS)]
    changes: Annotated[tuple[Annotated[str, msgspec.Meta(max_length=300)], ...], msgspec.Meta(max_length=20)]

    def is_newer_than(self, version: str) -> bool:
        """Say whether this is a later version than another one, such as "1.2.0"."""
        return _numbers(self.version) > _numbers(version)


class _Built(msgspec.Struct):
    """`assets/release.json`, which the release workflow writes."""

    repository: Annotated[str, msgspec.Meta(pattern=_REPOSITORY)]


class Source:
    """
    Where a copy of this program came from.

    Args:
        repository: OWNER/NAME.
        site: Where repositories are.
    """

    def __init__(self, repository: str, site: str = SITE) -> None:
        self.page = f"{site}/{repository}/releases/latest"
        self._file = f"{self.page}/download/latest.json"

    async def latest(self, *, limit_s: float = LIMIT_S) -> Release:
        """
        Ask for the newest release.

        Args:
            limit_s: For all of it.

        Raises:
            CannotLook: there is no usable answer, and why.
        """
        try:
            async with asyncio.timeout(limit_s), await _client() as client:
                return read(await _fetch(client, httpx.URL(self._file)))
        except TimeoutError:
            raise CannotLook(f"no answer within {limit_s:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, ImportError, SettingsInvalid) as error:
            # The last three: a proxy server or certificates that the environment names, and that cannot be used.
            raise CannotLook(type(error).__name__) from None


def source() -> Source | None:
    """Return where this copy came from; None where no release built it."""
    try:
        built = msgspec.json.decode(paths.asset("release.json").read_bytes(), type=_Built)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        log.warning("release.json unusable", error=type(error).__name__)
        return None
    return Source(built.repository)


def read(body: bytes) -> Release:
    """
    Read a `latest.json`.

    Raises:
        CannotLook: it is none.
    """
    try:
        told = msgspec.json.decode(body, type=Release)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CannotLook(f"no release: {type(error).__name__}") from None
    return msgspec.structs.replace(told, changes=tuple(filter(None, map(_visible, told.changes))))


def _visible(sentence: str) -> str:
    """Put a sentence on one line, without what is not seen: controls, and marks that turn the direction of writing."""
    seen = (each for each in sentence if each.isspace() or unicodedata.category(each)[0] != "C")
    return " ".join("".join(seen).split())


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(_NUMBERS, version)
    if found is None:
        raise ValueError(f"no version: {version}")
    return tuple(map(int, found.groups()))


async def _client() -> httpx.AsyncClient:
    client = httpx.AsyncClient(
        headers={**HEADERS, "Connection": "close"},
        limits=httpx.Limits(max_keepalive_connections=0),
        timeout=None,  # noqa: S113  there is one limit, for all of it
        # In a thread: the certificates of the system are many.
        verify=await in_thread(trust.context),
        # By hand: each step is to be encrypted, and what a redirect says besides is not read.
        follow_redirects=False,
        cookies=http.cookiejar.CookieJar(http.cookiejar.DefaultCookiePolicy(allowed_domains=())),
    )
    # Late: it knows httpx's own transport, which nothing else needs on most networks.
    from tray_proxy.openrouter.proxied import use_our_dialling

    use_our_dialling(client)
    return client


async def _fetch(client: httpx.AsyncClient, url: httpx.URL) -> bytes:
    for _ in range(MAX_REDIRECTS + 1):
        if url.scheme != "https":
            raise CannotLook("not encrypted")
        async with client.stream("GET", url) as response:
            if response.next_request is not None:
                url = response.next_request.url
            elif response.status_code != httpx.codes.OK:
                raise CannotLook(f"status {response.status_code}")
            else:
                return await _body(response)
    raise CannotLook("redirected too often")


async def _body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > MAX_BYTES:
            raise CannotLook("too long")
    return bytes(body)

"""What all of the page's routes share: a body in, an answer out, and how an error is told."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from tray_proxy import redaction
from tray_proxy.errors import BadRequest, ProxyError
from tray_proxy.texts import text

if TYPE_CHECKING:
    from starlette import requests, responses

# Names for what the page's handlers take and give. Their library is not read before somebody wants to see the page.
type Request = requests.Request
type Response = responses.Response


@dataclass(frozen=True)
class Route:
    """Who answers at a path; `app.mounted` hands it to the page's library."""

    path: str
    endpoint: Callable[[Request], Awaitable[Response]]
    methods: Sequence[str] = ("GET",)


class PageUnreadable(BadRequest):
    """The page, or who pretends to be it, sent something else than was agreed."""

    hint = text("page.unreadable-hint")


class FormInvalid(BadRequest):
    """
    Fields of a form cannot stay as they are; nothing was changed.

    Args:
        fields: What is wrong, by the name of the field.
    """

    status = 422
    hint = text("page.form-hint")

    def __init__(self, fields: Mapping[str, str], message: str | None = None) -> None:
        super().__init__(message or text("page.nothing-saved"))
        self.fields = dict(fields)


async def read[T](request: Request, shape: type[T]) -> T:
    """
    Read the body of a request.

    Raises:
        PageUnreadable: it is no JSON, or not of this shape.
    """
    try:
        return msgspec.json.decode(await request.body(), type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # Without `from`: the cause could quote what was sent, and that may be a key.
        raise PageUnreadable(text("page.unreadable")) from None


def reply(content: object, status: int = 200, *, secret: str | None = None) -> Response:
    """
    Answer with JSON, in which no key stands: what an app or an upstream wrote is shown, too.

    Args:
        secret: A key that was just pasted, and need not be known yet.
    """
    from starlette.responses import Response

    written = redaction.without(secret, msgspec.json.encode(content).decode())
    return Response(written.encode(), status_code=status, media_type="application/json")


def done() -> Response:
    """Answer that it is done, with nothing to say."""
    from starlette.responses import Response

    return Response(status_code=204)


async def answer_problem(request: Request, error: Exception) -> Response:
    """Answer a `ProxyError`; `request.state.secret` is what must not stand in it."""
    assert isinstance(error, ProxyError)  # noqa: S101 -- Starlette cannot say that it hands us nothing else
    secret: str | None = getattr(request.state, "secret", None)
    words: dict[str, object] = {"error": error.message, "hint": error.hint}
    if isinstance(error, FormInvalid):
        words["fields"] = error.fields
    # 401 and 403 are the gate's words for "this page is not connected"; a wrong key is not that.
    return reply(words, 422 if error.status in (401, 403) else error.status, secret=secret)

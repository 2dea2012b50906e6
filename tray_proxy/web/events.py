"""
News for open pages: which topic has changed, as server-sent events.

The page re-reads what is named. Nothing is sent, and nothing wakes up, while nothing changes.

Source: WHATWG HTML, "Server-sent events".
"""

import asyncio
from collections.abc import AsyncIterator, Iterable

from tray_proxy.web.http import Request, Response, Route

# After this the browser connects again, if the connection broke off.
RETRY_MS = 1000
TOPICS = ("state", "models", "apps", "activity", "settings", "visitors")


class Events:
    """Tells open pages what has changed. To be used from the event loop."""

    def __init__(self) -> None:
        self._pages: set[_Page] = set()

    def tell(self, *topics: str) -> None:
        """Name topics that have changed, to every open page; returns at once."""
        for page in self._pages:
            page.add(topics)

    def end(self) -> None:
        """Let all pages go: the program ends, and would wait for them."""
        for page in self._pages:
            page.end()

    def routes(self) -> list[Route]:
        """Return the route that pages listen at."""
        return [Route("/api/events", self._listen)]

    async def _listen(self, _request: Request) -> Response:
        from starlette.responses import StreamingResponse

        # A page that went away without a word is noticed by the server, which then cancels the stream.
        return StreamingResponse(self._stream(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    async def _stream(self) -> AsyncIterator[str]:
        page = _Page()
        self._pages.add(page)
        try:
            yield f"retry: {RETRY_MS}\n\n"
            while topics := await page.next():
                yield "".join(f"data: {topic}\n\n" for topic in topics)
        finally:
            self._pages.discard(page)


class _Page:
    """One open page: the topics it was not told of yet, each once however often it changed."""

    def __init__(self) -> None:
        self._topics: dict[str, None] = {}
        self._changed = asyncio.Event()
        self._ended = False

    def add(self, topics: Iterable[str]) -> None:
        self._topics |= dict.fromkeys(topics)
        self._changed.set()

    def end(self) -> None:
        self._ended = True
        self._changed.set()

    async def next(self) -> list[str]:
        """Wait for topics; none means that it is over."""
        await self._changed.wait()
        self._changed.clear()
        topics, self._topics = list(self._topics), {}
        return [] if self._ended else topics

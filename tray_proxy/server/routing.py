"""From a request's path and method to who answers it: for nearly every request one look into a table."""

import re
from collections.abc import Awaitable, Collection, Iterable

from tray_proxy.server import refusals
from tray_proxy.server.asgi import TEXT, App, Receive, Record, Reply, Scope, Send, send_reply

# What Ollama's web framework says.
_WORDS = {404: "404 page not found", 405: "405 method not allowed"}


class Router:
    """
    Leads requests to their endpoints; those that fit none get 404 or 405.

    Args:
        routes: Methods (separated by commas), path and endpoint of each. `{name}` in a path stands for one part of it,
            `{name:path}` for all that is left; what is found there is in the scope's `path_params`.
    """

    def __init__(self, routes: Iterable[tuple[str, str, App]]) -> None:
        self._plain: dict[str, dict[str, App]] = {}
        self._patterns: list[tuple[re.Pattern[str], dict[str, App]]] = []
        for methods, path, endpoint in routes:
            by_method = dict.fromkeys(methods.split(","), endpoint)
            if "{" in path:
                self._patterns.append((re.compile(pattern_of(path)), by_method))
            else:
                self._plain.setdefault(path, {}).update(by_method)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer a request, or have it answered."""
        by_method = self._plain.get(scope["path"])
        if by_method is None:
            by_method = self._by_pattern(scope)
        endpoint = by_method.get(scope["method"])
        if endpoint is None:
            return send_reply(send, _no_such_route(scope, by_method))
        return endpoint(scope, receive, send)

    def _by_pattern(self, scope: Scope) -> dict[str, App]:
        for pattern, by_method in self._patterns:
            if found := pattern.fullmatch(scope["path"]):
                scope["path_params"] = found.groupdict()
                return by_method
        return {}


def pattern_of(path: str) -> str:
    """Return the regular expression for a route's path."""
    return re.sub(r"\{(\w+)(:path)?\}", lambda name: f"(?P<{name[1]}>{'.+' if name[2] else '[^/]+'})", path)


def _no_such_route(scope: Scope, by_method: Collection[str]) -> Reply:
    """Tell it in the words of Ollama's web framework; under `/v1` in the dialect's own shape."""
    status, headers = (405, (("allow", ", ".join(sorted(by_method))),)) if by_method else (404, ())
    tell = refusals.teller(scope["path"])
    if tell is None:
        return Reply(status, _WORDS[status].encode(), TEXT, headers)
    record: Record = scope["record"]
    return Reply(status, tell(status, _WORDS[status], record.request_id, None), "application/json", headers)


class CleanPath:
    """
    Takes `//api/chat`, `/api/chat/`, `/v1/api/chat` and `/api/api/chat` for `/api/chat`, and so for `/v1`; and
    `/chat/completions` for `/v1/chat/completions`, as all that can mean nothing else.

    A base address typed with a slash, `/v1` or `/api` at its end, or without the `/v1` that belongs there, makes such
    paths. Ollama redirects some of them, which turns a POST into a GET on the way.

    Args:
        paths: Those of all routes.
    """

    def __init__(self, app: App, paths: Iterable[str]) -> None:
        self._app = app
        self._clean = frozenset(paths)
        in_v1 = (path.removeprefix("/v1") for path in self._clean if path.startswith("/v1/"))
        self._without_v1 = re.compile("|".join(re.sub(r"\{.*\}", ".+", path) for path in in_v1))

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Pass a request on, with its path as its route has it."""
        path = scope["path"]
        if path not in self._clean:
            path = self._cleaned(path)
            scope = {**scope, "path": path, "raw_path": path.encode()}
        scope["record"].route = path
        return self._app(scope, receive, send)

    def _cleaned(self, path: str) -> str:
        path = re.sub(r"/{2,}", "/", path)
        clean = re.sub(r"^(/v1|/api)+(?=/(?:api|v1)/)", "", path if path == "/" else path.rstrip("/"))
        return f"/v1{clean}" if self._without_v1.fullmatch(clean) else clean

"""
Who may call the port: a rule over Host and Origin, the owner's own answers, and the middleware that applies them.

The port asks nobody for a password and spends the owner's money, so a web page must not reach it. What tells
a page from a program are Host (a rebound name is not ours) and Origin (a page from elsewhere names itself).
Both are judged before the body is read, on every path. A page of our own address is taken for a program, but only
after the Host rule: after DNS rebinding, Origin equals Host. And only then is the owner asked about a page.

Source: Ollama's `server/routes.go` (allowedHostsMiddleware), `envconfig.AllowedOrigins`, gin-contrib/cors.
"""

import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import cache

from tray_proxy import setting_values
from tray_proxy.permissions import Permissions
from tray_proxy.server.asgi import App, Message, Receive, Reply, Scope, Send, send_reply
from tray_proxy.setting_list import Settings

_LOCAL_HOSTS = ("localhost", "127.0.0.1", "0.0.0.0")  # noqa: S104  the names of an origin, not of a binding
DEFAULT_ORIGINS = (
    *(f"{scheme}://{host}{port}" for scheme in ("http", "https") for host in _LOCAL_HOSTS for port in ("", ":*")),
    "app://*",
    "file://*",
    "tauri://*",
    "vscode-webview://*",
    "vscode-file://*",
)
# Alone in the list it allows every web page.
ANY_ORIGIN = "*"
_LOCAL_SUFFIXES = (".localhost", ".local", ".internal")
_STAINLESS = (
    "arch", "async", "custom-poll-interval", "helper-method", "lang", "os", "package-version", "poll-helper",
    "retry-count", "runtime", "runtime-version", "timeout",
)  # fmt: skip
# Ollama's list, and what Anthropic's SDK sends from a browser.
ALLOWED_HEADERS = ",".join(
    (
        "Authorization", "Content-Type", "User-Agent", "Accept", "X-Requested-With", "OpenAI-Beta",
        *(f"x-stainless-{name}" for name in _STAINLESS),
        "x-api-key", "anthropic-version", "anthropic-beta", "anthropic-dangerous-direct-browser-access",
    )
)  # fmt: skip
_PREFLIGHT = (
    ("access-control-allow-methods", "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS"),
    ("access-control-allow-headers", ALLOWED_HEADERS),
    ("access-control-max-age", "43200"),
)
_LABEL = r"[A-Za-z0-9_-]+"
_HOST = re.compile(rf"(\[[0-9A-Fa-f:.]+\]|{_LABEL}(?:\.{_LABEL})*\.?)(?::([0-9]{{1,5}}))?")
_MAX_PORT = 65535
# A handful is what apps write for this computer; one that makes up more has each of them judged anew.
_MAX_KNOWN = 64

type IP = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_own_address(ip: IP) -> bool:
    """Say whether an address is one of this computer's: a socket cannot be bound to another's."""
    try:
        with socket.socket(socket.AF_INET6 if ip.version == 6 else socket.AF_INET) as probe:
            probe.bind((str(ip), 0))
    except OSError:
        return False
    return True


@dataclass(frozen=True)
class Rule:
    """
    Decides by Host and Origin alone.

    Args:
        origins: Patterns with at most a `*` or two, as in Ollama's list.
        hosts: More names and addresses that may stand in Host.
        any_host: Whether every one may: where callers show a key, a rebound name gains nothing.
        hostname: This computer's own name, which may stand in Host.
        is_own: Says whether an address is one of this computer's, which may stand there too.
    """

    origins: tuple[str, ...] = DEFAULT_ORIGINS
    hosts: frozenset[str] = frozenset()
    any_host: bool = False
    hostname: str = ""
    is_own: Callable[[IP], bool] = is_own_address

    @classmethod
    def of(cls, settings: Settings) -> "Rule":
        """Make the rule with the owner's own origins and hosts (`OLLAMA_ORIGINS`, `ALLOWED_HOSTS`, `HOST`)."""
        more_hosts = setting_values.listed(settings.allowed_hosts)
        return cls(
            origins=(*DEFAULT_ORIGINS, *setting_values.listed(settings.ollama_origins)),
            hosts=frozenset(str(_ip(host) or host.lower()) for host in (settings.host, *more_hosts)),
            any_host=settings.proxy_api_key is not None,
            hostname=socket.gethostname(),
        )

    @property
    def allows_all(self) -> bool:
        """Whether every web page may call."""
        return ANY_ORIGIN in self.origins

    def host_allowed(self, hosts: list[str]) -> bool:
        """Say whether the Host header means this computer; there may be one at most, in plain form."""
        if len(hosts) > 1:
            return False
        host = hosts[0] if hosts else ""
        return self.always_allowed(host) or self._is_own(host)

    def always_allowed(self, host: str) -> bool:
        """Say whether a Host header means this computer whatever addresses it has at the moment."""
        name = _name(host)
        if name is None:
            return False
        if self.any_host or name in ("", "localhost", self.hostname.lower()) or name.endswith(_LOCAL_SUFFIXES):
            return True
        if name in self.hosts:
            return True
        ip = _ip(name)
        return ip is not None and (ip.is_loopback or ip.is_private or ip.is_unspecified)

    def _is_own(self, host: str) -> bool:
        ip = _ip(_name(host) or "")
        return ip is not None and self.is_own(ip)

    def origin_allowed(self, origin: str) -> bool:
        """Say whether a page from this origin may call. The Host must have been allowed before."""
        return any(_pattern(each).fullmatch(origin) for each in self.origins)

    def cors(self, origin: str, *varied: str) -> tuple[tuple[str, str], ...]:
        """
        Return the headers that let a page from an allowed origin read the answer.

        Args:
            varied: Request headers besides Origin that the answer depends on.
        """
        if self.allows_all:
            return (("access-control-allow-origin", ANY_ORIGIN),)
        return (("access-control-allow-origin", origin), ("vary", ", ".join(("Origin", *varied))))


class Guard:
    """
    Middleware: 403 with an empty body for what may not call; CORS headers for what may.

    Args:
        permissions: The owner's answers, and who is asked for one; None where nobody is: then the rule alone decides.
    """

    def __init__(self, app: App, rule: Rule, permissions: Permissions | None = None) -> None:
        self._app = app
        self._rule = rule
        self._permissions = permissions
        # Nearly every request has one of these. No address that this computer may lose is among them.
        self.known_hosts: set[bytes] = set()

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Judge a request before anything of it is read."""
        named = dict(scope["headers"])
        is_plain = b"origin" not in named and scope["method"] != "OPTIONS" and len(named) == len(scope["headers"])
        if is_plain and named.get(b"host") in self.known_hosts:
            return self._app(scope, receive, send)
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        origins = [value for name, value in scope["headers"] if name == b"origin"]
        return self._judge(hosts, origins, scope, receive, send)

    async def _judge(self, hosts: list[str], origins: list[bytes], scope: Scope, receive: Receive, send: Send) -> None:
        if not self._rule.host_allowed(hosts) or len(origins) > 1:
            await send_reply(send, Reply(403))
            return
        host = hosts[0] if hosts else ""
        if len(self.known_hosts) < _MAX_KNOWN and self._rule.always_allowed(host):
            self.known_hosts.add(host.encode("latin-1"))
        origin = origins[0].decode("latin-1") if origins else None
        if origin is None or origin in (f"http://{host}", f"https://{host}"):
            if scope["method"] == "OPTIONS" and _ip(_name(host) or "") is None:
                # Ollama answers this by itself to a name, and not to an address.
                await send_reply(send, Reply(204))
            else:
                await self._app(scope, receive, send)
        elif not self._may_call(origin):
            await send_reply(send, Reply(403))
        elif scope["method"] == "OPTIONS":
            varied = ("Access-Control-Request-Method", "Access-Control-Request-Headers")
            await send_reply(send, Reply(204, headers=(*self._rule.cors(origin, *varied), *_PREFLIGHT)))
        else:
            await self._app(scope, receive, _with_headers(send, self._rule.cors(origin)))

    def _may_call(self, origin: str) -> bool:
        if self._rule.origin_allowed(origin):
            return True
        if self._permissions is None:
            return False
        if self._permissions.allows(origin):
            return True
        # It is refused all the same: whoever waited for the answer would hold a connection for as long.
        self._permissions.ask(origin)
        return False


def _name(host: str) -> str | None:
    """Return the name or address in a Host header, without port, brackets and the root's dot; None for what is none."""
    if not host:
        return ""
    found = _HOST.fullmatch(host)
    if found is None or int(found[2] or 0) > _MAX_PORT:
        return None
    name = found[1].lower()
    if not name.startswith("["):
        return name.removesuffix(".")
    ip = _ip(name.strip("[]"))
    return None if ip is None or ip.version == 4 else str(ip)


def _ip(name: str) -> IP | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


@cache
def _pattern(origin: str) -> re.Pattern[str]:
    # Where the star stands for a port, it stands for digits: "http://localhost:1.evil.example" is no port.
    head, port, _ = origin.partition(":*") if origin.endswith(":*") else (origin, "", "")
    return re.compile(".*".join(re.escape(part) for part in head.split("*")) + (r":\d+" if port else ""))


def _with_headers(send: Send, headers: Iterable[tuple[str, str]]) -> Send:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *raw]}
        await send(message)

    return send_with_headers

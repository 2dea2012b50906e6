"""The program as it is started, and the settings page in a browser, for those who attack them."""

import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, sync_playwright

from e2e.conftest import launch, serve
from web.conftest import ARGUMENTS, CHROMIUM, chromium_or_skip, page_stage, served, visit

__all__ = ["launch", "page_stage", "serve", "served", "visit"]

# Names that lead to this computer, as after DNS rebinding.
ELSEWHERE = "evil.example"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for which the attacker's names lead to this computer."""
    chromium_or_skip()
    with sync_playwright() as playwright:
        rules = f"--host-resolver-rules=MAP *.example 127.0.0.1, MAP {ELSEWHERE} 127.0.0.1"
        # What some browsers refuse by themselves is let through: others do not, and we do not count on it.
        checks = "LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests,PrivateNetworkAccessSendPreflights"
        arguments = [*ARGUMENTS, rules, f"--disable-features={checks}"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@dataclass
class Site:
    """A web server of the attacker's, on another port of this computer; it shows one page whatever is asked."""

    port: int
    page: str = ""
    cookies: list[str] = field(default_factory=list)


@pytest.fixture
def site() -> Iterator[Site]:
    """Run one."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.cookies += self.headers.get_all("Cookie", [])
            content = site.page.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site = Site(server.server_port)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield site
    server.shutdown()
    server.server_close()
    thread.join(10)

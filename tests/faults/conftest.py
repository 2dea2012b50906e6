"""The real proxy on a real port between clients and an upstream whose every byte is known."""

import logging
import ssl
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
import trustme

from faults.asking import DIALECTS, Told, ask
from faults.scripted import Script, Upstream
from faults.serving import Serving
from tray_proxy.listener import LoopThread


@dataclass
class Field:
    """A proxy, its upstream, and the loop of both its ends."""

    outside: LoopThread
    upstream: Upstream
    proxy: Any

    @property
    def port(self) -> int:
        """The proxy's port."""
        return int(self.proxy.url.rpartition(":")[2])

    @property
    def cancelled(self) -> int:
        """How many requests were recorded as left by their clients."""
        return int(sum(self.proxy.program.deps.metrics._left.values.values()))

    def run[T](self, coroutine: Coroutine[Any, Any, T], within_s: float = 60) -> T:
        """Run a test's cases in the loop of clients and upstream."""
        return self.outside.submit(coroutine).result(within_s)

    def before(self, proxy: Any) -> "Field":
        """Put another proxy before the same upstream."""
        return Field(self.outside, self.upstream, proxy)

    def drop_connections(self) -> None:
        """Let the proxy's next request go out on a new connection: one opened ahead may have died as it lay idle."""

        async def drop() -> None:
            self.proxy.program.client._connections.drop()

        self.proxy.loop.submit(drop()).result(15)

    async def tell(self, script: Script, path: str, *, stream: bool) -> tuple[Told, int]:
        """Ask what a script answers; give what an app is told, and how often it was asked upstream."""
        dialect = DIALECTS[path]
        case = self.upstream.case(script)
        answered = await ask(self.port, path, dialect.request(case, stream=stream))
        return dialect.read(answered, stream=stream), self.upstream.asked[case]


@pytest.fixture(scope="module", autouse=True)
def few_words() -> Iterator[None]:
    """Keep the lines of thousands of requests from being written where nobody reads them."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def outside() -> Iterator[LoopThread]:
    """The loop of clients and upstream, apart from the proxy's."""
    thread = LoopThread()
    yield thread
    thread.stop(5)


@pytest.fixture(scope="session")
def the_scripted_upstream(outside: LoopThread) -> Iterator[Upstream]:
    upstream = Upstream()
    outside.submit(upstream.start()).result(15)
    yield upstream
    outside.submit(upstream.close()).result(15)


@pytest.fixture(scope="session")
def field(
    outside: LoopThread, the_scripted_upstream: Upstream, shared_proxies: Any, tmp_path_factory: pytest.TempPathFactory
) -> Field:
    """A proxy before the scripted upstream, for all tests that change nothing of it."""
    home = tmp_path_factory.mktemp("home")
    return Field(
        outside, the_scripted_upstream, shared_proxies.start(home, openrouter_base_url=the_scripted_upstream.url)
    )


@pytest.fixture
def encrypted_field(field: Field, proxies: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Field]:
    """The same over TLS, with an upstream of its own."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    encrypted = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(encrypted)
    upstream = Upstream()
    field.run(upstream.start(encrypted=encrypted))
    proxy = proxies.start(tmp_path / "home", openrouter_base_url=f"https://localhost:{upstream.port}/api/v1")
    yield Field(field.outside, upstream, proxy)
    field.run(upstream.close())


@pytest.fixture
def serve(field: Field, tmp_path: Path) -> Iterator[Callable[..., Serving]]:
    """Start the program in a process of its own before the scripted upstream."""
    started: list[Serving] = []

    def start(*, home: Path = tmp_path / "served", **more: Any) -> Serving:
        started.append(Serving(home, field.upstream.url, **more))
        return started[-1]

    yield start
    for each in started:
        each.close()

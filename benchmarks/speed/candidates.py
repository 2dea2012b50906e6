"""Who is measured: no proxy, nginx and the product; each is a value that says how to start it and how to ask it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

MODEL = "openai/gpt-4o-mini"
EMBEDDING_MODEL = "openai/text-embedding-3-small"
# Of OpenRouter's form; the upstream takes any.
KEY = "sk-or-v1-" + "0123456789abcdef" * 4


@dataclass(frozen=True)
class Candidate:
    """
    One that is measured.

    In `command`, `environment` and `files` stand `{port}` for the port to listen at, `{upstream}` for the upstream's
    address with `/api/v1`, `{upstream_port}`, `{tls_upstream}` and `{tls_port}` for the same behind TLS,
    `{certificates}` for the file with the authority that vouches for it, `{folder}` for a folder of its own and
    `{python}` for the interpreter that measures.
    """

    name: str
    # Without one, the upstream itself is asked.
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    dialect: Literal["ollama", "openai"] = "ollama"
    prefix: str = ""
    ready: str = "/api/version"
    ready_within_s: float = 60.0
    headers: tuple[str, ...] = ()
    # The scenarios that it takes part in; None for all.
    scenarios: frozenset[str] | None = None
    # How often a scenario is run at most; None for as often as the others.
    at_most: int | None = None
    # What of the check in `correctness.py` does not apply.
    unchecked: frozenset[str] = frozenset()
    # Whether its start is measured: what is no program of its own, or only the floor, has none.
    starts: bool = True

    @property
    def chat_path(self) -> str:
        """Where a conversation is asked for."""
        return "/api/chat" if self.dialect == "ollama" else f"{self.prefix}/chat/completions"

    @property
    def list_path(self) -> str:
        """Where the models are listed."""
        return "/api/tags" if self.dialect == "ollama" else f"{self.prefix}/models"

    @property
    def embed_path(self) -> str:
        """Where texts become vectors."""
        return "/api/embed" if self.dialect == "ollama" else f"{self.prefix}/embeddings"

    @property
    def end(self) -> str:
        """How a stream ends, as `load.c` calls it."""
        return "ndjson" if self.dialect == "ollama" else "sse"


def nginx_conf(upstream: str, port: str, more: str = "") -> str:
    """Write a configuration that passes everything on as it comes, with nothing held back."""
    folders = " ".join(f"{kind}_temp_path {{folder}}/{kind};" for kind in ("proxy", "fastcgi", "uwsgi", "scgi"))
    return f"""
worker_processes 1; daemon off; pid {{folder}}/pid; error_log {{folder}}/errors; worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_body_temp_path {{folder}}/bodies; {folders}
  keepalive_requests 1000000; client_max_body_size 64m;
  upstream u {{ server 127.0.0.1:{upstream}; keepalive 1024; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port}; {more}
    location / {{
      proxy_pass {"https" if upstream == "{tls_port}" else "http"}://u; proxy_http_version 1.1;
      proxy_set_header Connection ""; proxy_buffering off; proxy_request_buffering off;
    }}
  }}
}}
"""


NGINX_COMMAND = ("nginx", "-e", "{folder}/errors", "-c", "{folder}/nginx.conf")
OVER_TLS = frozenset({"solo", "paced128"})

DIRECT = Candidate("direct", dialect="openai", prefix="/api/v1", ready="/api/v1/key", starts=False)
NGINX = Candidate(
    "nginx",
    NGINX_COMMAND,
    files={"nginx.conf": nginx_conf("{upstream_port}", "{port} backlog=4096")},
    dialect="openai",
    prefix="/api/v1",
    ready="/api/v1/key",
)
NGINX_OVER_TLS = Candidate(
    "nginx over TLS",
    NGINX_COMMAND,
    files={"nginx.conf": nginx_conf("{tls_port}", "{port} backlog=4096")},
    dialect="openai",
    prefix="/api/v1",
    ready="/api/v1/key",
    scenarios=OVER_TLS,
    starts=False,
)
SERVE = ("{python}", "-m", "tray_proxy", "serve", "--port", "{port}")
# In force, as an owner's are; what is measured asks for more than those would allow.
LIMITS = {"DAILY_LIMIT_USD": "100000", "PAID_REQUESTS_PER_MINUTE": "1000000"}
PRODUCT = Candidate(
    "Tray Proxy",
    SERVE,
    environment={
        "TRAY_PROXY_HOME": "{folder}/home",
        "OPENROUTER_API_KEY": KEY,
        "OPENROUTER_BASE_URL": "{upstream}",
        **LIMITS,
    },
)
PRODUCT_OVER_TLS = Candidate(
    "Tray Proxy over TLS",
    SERVE,
    environment={
        "TRAY_PROXY_HOME": "{folder}/home",
        "OPENROUTER_API_KEY": KEY,
        "OPENROUTER_BASE_URL": "{tls_upstream}",
        "SSL_CERT_FILE": "{certificates}",
        **LIMITS,
    },
    scenarios=OVER_TLS,
    starts=False,
)
# What stands before the upstream for those two; it is part of the upstream, not measured.
TLS_FRONT = Candidate(
    "TLS before the upstream",
    NGINX_COMMAND,
    files={
        "nginx.conf": nginx_conf(
            "{upstream_port}",
            "{port} ssl backlog=4096",
            "ssl_certificate {certificates}.chain; ssl_certificate_key {certificates}.key;",
        )
    },
    ready="/",
    starts=False,
)
OURS = (DIRECT, NGINX, PRODUCT, NGINX_OVER_TLS, PRODUCT_OVER_TLS)

"""The app that Ollama clients talk to: routes, the middlewares around them, and `/`, `/health`."""

from collections.abc import Callable

import structlog

from tray_proxy import __version__
from tray_proxy.permissions import Permissions
from tray_proxy.server import (
    anthropic_api,
    audio_api,
    metrics_api,
    ollama_account,
    ollama_api,
    ollama_embed,
    ollama_models,
    openai_api,
    responses_api,
)
from tray_proxy.server.access import Access
from tray_proxy.server.asgi import TEXT, App, Record, Reply, json_reply
from tray_proxy.server.crowd import Crowd
from tray_proxy.server.endpoint import Call, Endpoint, Handler
from tray_proxy.server.exchange import Deps
from tray_proxy.server.guard import ANY_ORIGIN, Guard, Rule
from tray_proxy.server.journal import Journal
from tray_proxy.server.neighbour import local_first
from tray_proxy.server.routing import CleanPath, Router
from tray_proxy.server.same_user import SameUser
from tray_proxy.wire.ollama import ALIVE_TEXT

log = structlog.get_logger(__name__)


async def alive(_call: Call) -> Reply:
    """`GET /`: clients compare the text."""
    return Reply(200, ALIVE_TEXT.encode(), TEXT)


async def health(call: Call) -> Reply:
    """`GET /health`: what we know without asking anyone; a probe must not cost anything."""
    deps = call.deps
    age_s = deps.catalogue.age_s
    ready = deps.keychain.present and age_s is not None and deps.client.reachable is not False
    return json_reply(
        {
            "app": "Tray Proxy",
            "status": "ok" if ready else "degraded",
            "upstream_reachable": deps.client.reachable,
            "catalogue_age_s": None if age_s is None else round(age_s, 1),
            "key_present": deps.keychain.present,
            "demo": deps.demo,
            "version": __version__,
        }
    )


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET,HEAD", "/", alive),
    ("GET,HEAD", "/health", health),
    ("GET,HEAD", "/metrics", metrics_api.metrics),
    ("GET,HEAD", "/api/version", ollama_api.version),
    ("GET,HEAD", "/api/tags", ollama_api.tags),
    ("POST", "/api/show", ollama_api.show),
    ("GET", "/api/ps", ollama_api.ps),
    ("POST", "/api/chat", ollama_api.chat),
    ("POST", "/api/generate", ollama_api.generate),
    ("POST", "/api/embed", ollama_embed.embed),
    ("POST", "/api/embeddings", ollama_embed.embeddings),
    ("POST", "/api/pull", ollama_models.pull),
    ("POST", "/api/push", ollama_models.push),
    ("POST", "/api/create", ollama_models.create),
    ("POST", "/api/copy", ollama_models.copy),
    ("DELETE", "/api/delete", ollama_models.delete),
    ("HEAD,POST", "/api/blobs/{digest}", ollama_models.blobs),
    ("GET", "/api/status", ollama_account.status),
    ("POST", "/api/me", ollama_account.me),
    ("POST", "/api/signout", ollama_account.signout),
    ("DELETE", "/api/user/keys/{key}", ollama_account.signout),
    ("POST", "/api/experimental/web_search", ollama_account.cloud_only("web search")),
    ("POST", "/api/experimental/web_fetch", ollama_account.cloud_only("web fetch")),
    ("GET", "/api/experimental/model-recommendations", ollama_account.recommendations),
    ("POST", "/v1/chat/completions", openai_api.chat_completions),
    ("POST", "/v1/completions", openai_api.completions),
    ("POST", "/v1/embeddings", openai_api.embeddings),
    ("POST", "/v1/responses", responses_api.responses),
    ("POST", "/v1/messages", anthropic_api.messages),
    ("POST", "/v1/messages/count_tokens", anthropic_api.count_tokens),
    ("POST", "/v1/audio/transcriptions", audio_api.transcriptions),
    ("GET", "/v1/models", openai_api.models),
    ("GET", "/v1/models/{model:path}", openai_api.model),
)


def create_app(deps: Callable[[], Deps], *, for_ourselves: bool = False, permissions: Permissions | None = None) -> App:
    """
    Make the app.

    Args:
        deps: Gives the `Deps` in force when a request comes in.
        for_ourselves: Whether nobody but this process calls it, which needs no access key.
        permissions: Whom the owner lets call besides, and who is asked about others; None where nobody is.
    """
    app: App = Router(
        (methods, path, Endpoint(local_first(path, handler), deps, path)) for methods, path, handler in ROUTES
    )
    settings = deps().settings
    rule = Rule.of(settings)
    if rule.allows_all:
        log.warning("every web page may call the port and spend money", setting="OLLAMA_ORIGINS", value=ANY_ORIGIN)

    def ended(record: Record, status: int | None, elapsed_s: float) -> None:
        metrics_api.count(deps(), record, status, elapsed_s)

    if settings.proxy_api_key is not None and not for_ourselves:
        app = Access(app, settings.proxy_api_key)
    if settings.same_user_only and not for_ourselves:
        app = SameUser(app)
    app = CleanPath(app, (path for _, path, _ in ROUTES))
    return Crowd(Journal(Guard(app, rule, permissions), deps().activity, ended, demo=deps().demo))

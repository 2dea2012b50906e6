"""
Ollama's routes about its own cloud: the account, its status, what is tried out there.

There is no account with Ollama here. The key for OpenRouter stands in its place: who has one is signed in, and
signing out forgets it.

Source: Ollama's `server/routes.go` (WhoamiHandler, SignoutHandler, StatusHandler, WebSearchExperimentalHandler,
WebFetchExperimentalHandler, ModelRecommendationsExperimentalHandler), `api/types.go`.
"""

from uuid import NAMESPACE_URL, uuid5

from msgspec import UNSET

from tray_proxy.errors import (
    BadRequest,
    KeychainUnavailable,
    KeyMissing,
    ManagingDenied,
    NoKeyStore,
    UnsupportedRequest,
)
from tray_proxy.keychain import Source
from tray_proxy.server.asgi import Reply, json_reply, read_body
from tray_proxy.server.endpoint import Call, Handler
from tray_proxy.wire import ollama
from tray_proxy.wire.openrouter import ModelEntry

# The same on every computer: it tells nothing about the key or its owner.
USER_ID = str(uuid5(NAMESPACE_URL, "tray-proxy:owner"))

_NOT_OURS = {
    Source.ENVIRONMENT: "the key comes from the environment variable OPENROUTER_API_KEY; start Tray Proxy without it",
    Source.DEMO: "the demo was started with its key",
}


async def status(_call: Call) -> Reply:
    """`GET /api/status`: Ollama's own cloud is never asked."""
    return json_reply(ollama.StatusResponse(ollama.CloudStatus(disabled=True, source="none")))


async def me(call: Call) -> Reply:
    """`POST /api/me`: the owner of the key; without one, where to give it."""
    keychain = call.deps.keychain
    try:
        await keychain.key()
    except (KeyMissing, KeychainUnavailable) as error:
        call.deps.in_flight.troubled(error)
        if not isinstance(error, KeyMissing | NoKeyStore):
            raise  # there may be a key, behind a lock
        return json_reply(ollama.ErrorResponse("unauthorized", await call.deps.page_address()), 401)
    name = "OpenRouter (demo)" if call.deps.demo else "OpenRouter"
    return json_reply(ollama.UserResponse(id=USER_ID, email="", name=name, plan="pay-as-you-go"))


async def signout(call: Call) -> Reply:
    """
    `POST /api/signout` and `DELETE /api/user/keys/{key}`: forgets the key, as the settings page does.

    The name of a key in the path is passed over, as in Ollama: there is only one.
    """
    keychain = call.deps.keychain
    try:
        await keychain.key()
    except (KeyMissing, NoKeyStore):
        return json_reply(ollama.ErrorResponse("you are not currently signed in"), 401)
    if call.deps.settings.manage_models == "deny":
        raise ManagingDenied("sign out")
    if keychain.source in _NOT_OURS:
        raise UnsupportedRequest(f"there was an error signing out: {_NOT_OURS[keychain.source]}")
    try:
        await keychain.forget()
    finally:
        keychain.changed()
    return json_reply(None)


def cloud_only(what: str) -> Handler:
    """
    Make the handler of something that Ollama's cloud does, and nobody does here.

    Args:
        what: For example "web search".
    """

    async def refuse(call: Call) -> Reply:
        if not (await read_body(call.scope, call.receive)).strip():
            raise BadRequest("missing request body")
        return json_reply(ollama.ErrorResponse(f"ollama cloud is disabled: {what} is unavailable"), 403)

    return refuse


async def recommendations(call: Call) -> Reply:
    """`GET /api/experimental/model-recommendations`: the models that the owner ticked, if any."""
    ticked = () if call.deps.selection.ticks is None else (await call.deps.catalogue.catalogue()).allowed
    return json_reply(ollama.RecommendationsResponse([_recommendation(entry) for entry in ticked]))


def _recommendation(entry: ModelEntry) -> ollama.Recommendation:
    return ollama.Recommendation(
        model=entry.id,
        # One line of many: the rest is the model's page.
        description=(entry.description or entry.name or "").strip().partition("\n")[0],
        context_length=entry.context_length or UNSET,
        max_output_tokens=entry.top_provider.max_completion_tokens or UNSET,
    )

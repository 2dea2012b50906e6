"""
Ollama's verbs for its store of models. There is no store here: `pull` allows a model and `delete` disallows it,
`copy` and `create` make names of the owner's own, and what needs weights is refused.

Source: Ollama's `server/routes.go` (PullHandler, PushHandler, DeleteHandler, CopyHandler, HeadBlobHandler,
CreateBlobHandler) and `server/create.go`.
"""

import contextlib
import re
import time

import msgspec
import structlog

from tray_proxy.catalogue import Catalogue, Found
from tray_proxy.errors import (
    BadRequest,
    ManagingDenied,
    ModelKeptOut,
    ModelNameAmbiguous,
    ModelNotAllowed,
    ModelNotFound,
    ProxyError,
    SettingsInvalid,
    UnsupportedRequest,
)
from tray_proxy.server.asgi import NDJSON, BodyDecoder, Reply, encode, json_reply, read_body
from tray_proxy.server.endpoint import Call
from tray_proxy.translate.messages import to_messages
from tray_proxy.translate.names import folded, is_valid, near
from tray_proxy.translate.options import OPTION_RULES, Dropped, to_parameters
from tray_proxy.translate.presets import Preset
from tray_proxy.wire import ollama

# The command line and others look for these words.
NO_MANIFEST = "pull model manifest: file does not exist"
NO_WEIGHTS = "models run at OpenRouter and there are no weights here"

_DIGEST = re.compile(r"sha256[:-][0-9a-fA-F]{64}")

_read_model = BodyDecoder(ollama.ModelRequest)
_read_copy = BodyDecoder(ollama.CopyRequest)
_read_create = BodyDecoder(ollama.CreateRequest)

log = structlog.get_logger(__name__)


async def pull(call: Call) -> Reply:
    """`POST /api/pull`: allows a model. Nothing is downloaded, so there are no layers to tell of."""
    request = _read_model(await read_body(call.scope, call.receive))
    name = request.model or request.name or ""
    if not is_valid(name):
        raise BadRequest("invalid model name")
    stream = request.stream is not False
    catalogue = await call.deps.catalogue.catalogue()
    try:
        found, missing = _find(call, catalogue, name)
    except ModelNotFound as error:
        return _not_pulled(call, error, catalogue, stream=stream)
    _allow(call, catalogue, missing)
    call.record.model = found.model.id
    return _progress(["pulling manifest", "writing manifest", "success"], stream=stream)


async def push(call: Call) -> Reply:
    """`POST /api/push`: refused."""
    request = _read_model(await read_body(call.scope, call.receive))
    if not (request.model or request.name or "").strip():
        raise BadRequest("model is required")
    raise UnsupportedRequest(f"nothing can be pushed: {NO_WEIGHTS}")


async def delete(call: Call) -> Reply:
    """`DELETE /api/delete`: removes a name of the owner's own, or disallows a model."""
    request = _read_model(await read_body(call.scope, call.receive))
    name = request.model or request.name or ""
    if not name.strip():
        raise BadRequest("model is required")
    if not is_valid(name):
        raise BadRequest(f'name "{name}" is invalid')
    _must_be_managed(call)
    if call.deps.presets.get(name) is not None:
        call.deps.presets.remove(name)
        log.info("an app removed a name", name=name)
        return Reply(200)
    catalogue = await call.deps.catalogue.catalogue()
    model_id = catalogue.resolve(name).model.id
    if not any(entry.id == model_id for entry in catalogue.allowed):
        # A variant, such as `:nitro`: it is in no list, and whoever names it does not mean the model itself.
        raise ModelNotFound(name)
    call.record.model = model_id
    call.deps.selection.allow(model_id, allowed=False)
    log.info("an app disallowed a model", model=model_id)
    return Reply(200)


async def copy(call: Call) -> Reply:
    """`POST /api/copy`: makes an alias of a model, or a second name for a preset."""
    request = _read_copy(await read_body(call.scope, call.receive))
    source, destination = request.source or "", request.destination or ""
    for role, name in (("source", source), ("destination", destination)):
        if not is_valid(name):
            raise BadRequest(f'{role} "{name}" is invalid')
    _must_be_managed(call)
    catalogue = await call.deps.catalogue.catalogue()
    try:
        found = catalogue.resolve(source)
    except ModelNotFound as error:
        raise type(error)(source, error.near, 'model "{name}" not found') from None
    _must_be_free(catalogue, destination)
    call.record.model = found.model.id
    preset = found.preset or Preset(model=found.model.id)
    call.deps.presets.store(destination, msgspec.structs.replace(preset, created_s=int(time.time())))
    log.info("an app made a name", name=destination, model=preset.model)
    return Reply(200)


async def create(call: Call) -> Reply:
    """`POST /api/create`: makes a preset of a model, which is allowed if it was not yet."""
    request = _read_create(await read_body(call.scope, call.receive))
    name, source, stream = request.model or request.name or "", request.from_ or "", request.stream is not False
    _check_create(request, name, source)
    _must_be_managed(call)
    catalogue = await call.deps.catalogue.catalogue()
    _must_be_free(catalogue, name)
    try:
        found, missing = _find(call, catalogue, source)
    except ModelNotFound as error:
        return _not_pulled(call, error, catalogue, stream=stream)
    preset = _preset(request, found)
    # As for a chat: what is kept must be something that can be sent.
    to_messages(preset.messages, found.model, name)
    _allow(call, catalogue, missing)
    try:
        call.deps.presets.store(name, preset)
    except ProxyError:
        if missing is not None:
            with contextlib.suppress(SettingsInvalid):
                call.deps.selection.allow(missing, allowed=False)
        raise
    call.record.model = found.model.id
    log.info("an app made a name", name=name, model=preset.model)
    pulled = [] if missing is None else ["pulling manifest"]
    return _progress([*pulled, *_notes(request), "writing manifest", "success"], stream=stream)


async def blobs(call: Call) -> Reply:
    """`HEAD` and `POST /api/blobs/{digest}`: there is none, and none is taken. The upload is not read."""
    digest: str = call.scope["path_params"]["digest"]
    if not _DIGEST.fullmatch(digest):
        raise BadRequest("invalid digest format")
    if call.scope["method"] == "HEAD":
        return json_reply(ollama.ErrorResponse(f'blob "{digest.replace("-", ":", 1)}" not found'), 404)
    raise UnsupportedRequest(f"files cannot be taken: {NO_WEIGHTS}; create from a model instead (FROM vendor/model)")


def _find(call: Call, catalogue: Catalogue, name: str) -> tuple[Found, str | None]:
    """
    Find what a name stands for, allowed or not.

    Returns:
        It, and the id of the model that must be allowed before the name can be used; None if it can be used now.

    Raises:
        ModelNotFound: there is no such model.
        ModelNameAmbiguous: there are several.
    """
    try:
        return catalogue.resolve(name), None
    except ModelNotAllowed:
        own = call.deps.presets.get(name)
        entry, variants = catalogue.known(own.preset.model if own else name)
        model = msgspec.structs.replace(entry, id=entry.id + variants)
        return Found(name, own.name if own else model.id, model, own.preset if own else None), entry.id


def _allow(call: Call, catalogue: Catalogue, model_id: str | None) -> None:
    if model_id is None:
        return
    if not catalogue.allow.below_ceiling(model_id):
        raise ModelKeptOut(model_id)
    _must_be_managed(call)
    call.deps.selection.allow(model_id, allowed=True)
    log.info("an app allowed a model", model=model_id)


def _must_be_managed(call: Call) -> None:
    if call.deps.settings.manage_models == "deny":
        raise ManagingDenied


def _must_be_free(catalogue: Catalogue, name: str) -> None:
    """Refuse a name that is a model's own, whether it is allowed or not: it would hide that model."""
    with contextlib.suppress(ModelNotFound, ModelNameAmbiguous):
        entry, variants = catalogue.known(name)
        if folded(name) == folded(entry.id + variants):
            raise BadRequest(
                f'"{name}" is the name of a model at OpenRouter, and a name of your own would hide it: choose another'
            )


def _check_create(request: ollama.CreateRequest, name: str, source: str) -> None:
    if not all(_is_relative(path) for path in request.files or ()):
        raise BadRequest("file path must be relative")
    if not is_valid(name):
        raise BadRequest("invalid model name")
    for field, content in (("files", request.files), ("adapters", request.adapters), ("quantize", request.quantize)):
        if content:
            raise UnsupportedRequest(
                f"'{field}' cannot be used: {NO_WEIGHTS}; create from a model instead (FROM vendor/model)"
            )
    if not source:
        raise BadRequest("neither 'from' or 'files' was specified")
    if not is_valid(source):
        raise BadRequest("invalid model name")
    for parameter, value in (request.parameters or {}).items():
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(each, str | int | float | None) for each in values):
            raise BadRequest(f"parameter '{parameter}' must be a value or a list of values")
    to_parameters(request.parameters)


def _is_relative(path: str) -> bool:
    """Say whether Go would take it for a path inside a folder. Source: Go's `io/fs` (ValidPath)."""
    return path == "." or not {"", ".", ".."}.intersection(path.split("/"))


def _preset(request: ollama.CreateRequest, found: Found) -> Preset:
    """Put together what a preset holds; what the request does not give comes from the preset it is made from."""
    base = found.preset or Preset(model=found.model.id)
    given = {name: value for name, value in (request.parameters or {}).items() if value is not None}
    licenses = [request.license] if isinstance(request.license, str) else request.license or []
    # As Ollama does, which keeps a text once that is given twice.
    new_licenses = [text for text in licenses if text not in base.license]
    return Preset(
        model=base.model,
        system=request.system or base.system,
        parameters=base.parameters | given,
        messages=request.messages or base.messages,
        template=request.template or base.template,
        license="\n".join(filter(None, [base.license, *new_licenses])),
        created_s=int(time.time()),
    )


def _notes(request: ollama.CreateRequest) -> list[str]:
    """Say what is kept without having an effect."""
    notes = []
    if request.template:
        notes.append("the template is kept and shown, but not used: a model at OpenRouter brings its own")
    for name in request.parameters or ():
        rule = OPTION_RULES.get(name)
        if rule is None:
            notes.append(f"the parameter {name} is kept without effect: it is not known")
        elif isinstance(rule, Dropped):
            notes.append(f"the parameter {name} is kept without effect: {rule.reason}")
    return notes


def _not_pulled(call: Call, error: ModelNotFound, catalogue: Catalogue, *, stream: bool) -> Reply:
    call.record.outcome = "failed"
    call.record.error = type(error).__name__
    # What is not allowed yet can be meant too, where a pull would allow it.
    entries = catalogue.allowed if call.deps.settings.manage_models == "deny" else catalogue.entries
    at_hand = (entry.id for entry in entries if catalogue.allow.below_ceiling(entry.id))
    meant = ModelNotFound(error.name, near(error.name, at_hand))
    failure = ollama.ErrorResponse(NO_MANIFEST + meant.suggestion)
    if not stream:
        return json_reply(failure, 500)
    lines = _lines(["pulling manifest"]) + encode(failure) + b"\n"
    return Reply(200, lines, NDJSON)


def _progress(statuses: list[str], *, stream: bool) -> Reply:
    if not stream:
        return json_reply(ollama.ProgressResponse(status=statuses[-1]))
    return Reply(200, _lines(statuses), NDJSON)


def _lines(statuses: list[str]) -> bytes:
    return b"".join(encode(ollama.ProgressResponse(status=status)) + b"\n" for status in statuses)

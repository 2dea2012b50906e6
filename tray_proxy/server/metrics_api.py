"""`/metrics`, and what of a request goes into it."""

from tray_proxy.catalogue import Catalogue
from tray_proxy.errors import ModelNameAmbiguous, ModelNotFound
from tray_proxy.metrics import Present
from tray_proxy.server.asgi import Record, Reply, header
from tray_proxy.server.endpoint import Call
from tray_proxy.server.exchange import Deps

# What stands in a label for all that has no name of ours: anybody could make up endlessly many of them.
OTHER_ROUTE = "other"
UNKNOWN_MODEL = "unknown"
LOCAL_MODEL = "local"

_JSON = "application/json"
_TEXTS = ("text/plain", "application/openmetrics-text", "text/*", "*/*")


async def metrics(call: Call) -> Reply:
    """`GET /metrics`: for Prometheus, or as JSON for who prefers that."""
    counted, today = call.deps.metrics, call.deps.budget.today
    present = Present(call.deps.in_flight.count, today.spent_usd, today.limit_usd)
    accept = header(call.scope, "accept")
    told = counted.as_json(present) if prefers_json(accept) else counted.exposition(accept, present)
    return Reply(200, *told, headers=(("vary", "Accept"),))


def count(deps: Deps, record: Record, status: int | None, elapsed_s: float) -> None:
    """
    Count a request that has ended.

    Args:
        status: What was answered; None where nothing was.
    """
    deps.metrics.count(
        route=record.pattern or OTHER_ROUTE,
        model=model_label(deps.catalogue.snapshot, record),
        status=status,
        elapsed_s=elapsed_s,
        usage=record.usage,
        latency_s=record.latency_s,
        first_token_s=record.first_token_s,
        error=record.error,
        left=record.outcome == "cancelled",
    )


def model_label(catalogue: Catalogue | None, record: Record) -> str:
    """Name a request's model by its id in the catalogue, without variants: they can be strung together at will."""
    if record.model is None:
        return ""
    if record.local:
        return LOCAL_MODEL
    if catalogue is None:
        return UNKNOWN_MODEL
    try:
        return catalogue.known(record.model)[0].id
    except (ModelNotFound, ModelNameAmbiguous):
        return UNKNOWN_MODEL


def prefers_json(accept: str) -> bool:
    """Say whether an Accept header puts JSON before text; among equals the first one counts, as axios sends them."""
    wanted = [_weighed(part) for part in accept.split(",")]
    ours = [(kind, weight) for kind, weight in wanted if kind in (_JSON, *_TEXTS) and weight > 0]
    return bool(ours) and max(ours, key=lambda each: each[1])[0] == _JSON


def _weighed(part: str) -> tuple[str, float]:
    kind, *parameters = (each.strip().lower() for each in part.split(";"))
    weight = next((each[2:] for each in parameters if each.startswith("q=")), "1")
    try:
        return kind, float(weight)
    except ValueError:
        return kind, 0.0

"""What the tests of several routes need."""

import time
from typing import Any

import pytest

from tray_proxy.demo.catalogue import list_response, models_with_output
from tray_proxy.demo.faults import Fault
from tray_proxy.demo.steps import json_steps


@pytest.fixture
def far_from_utc():
    """A computer whose clock on the wall is nine hours ahead."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
def start_with_models(proxies, upstream, tmp_path):
    """Start a proxy whose catalogue also holds models of one's own: a name and what it makes."""

    def start(**makes: list[str]) -> Any:
        models = list_response(models_with_output("text"))
        first = models["data"][0]
        models["data"] += [
            first | {"id": f"vendor/{name}", "architecture": first["architecture"] | {"output_modalities": outputs}}
            for name, outputs in makes.items()
        ]
        upstream.arrange(Fault("more-models", lambda _exchange, _seconds: json_steps(models), "", on="models"))
        proxy = proxies.start(tmp_path)
        upstream.received.clear()
        return proxy

    return start

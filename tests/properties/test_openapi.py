"""Our OpenAPI document is current, and the running proxy keeps to it, whatever schemathesis makes of it."""

import importlib.util
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tray_proxy.demo.upstream import DemoUpstream
from tray_proxy.server.app import ROUTES

SCRIPT = Path(__file__).parents[2] / "scripts" / "openapi"
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# A pull without a stream of what is not there: Ollama's own status and words, which its clients look for.
ON_PURPOSE = "pull model manifest: file does not exist"
MODELS = ("openai/gpt-4o-mini", "baai/bge-m3", "google/gemini-2.5-flash")

_spec = importlib.util.spec_from_loader("openapi", SourceFileLoader("openapi", str(SCRIPT)))
openapi = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(openapi)
OPERATIONS = {
    result.ok().label: result.ok() for result in schemathesis.openapi.from_dict(openapi.document()).get_all_operations()
}


def test_the_document_is_current():
    """Who reads it sees what is served; `scripts/openapi` writes it anew."""
    assert openapi.FILE.read_text(encoding="utf-8") == openapi.text()


def test_every_route_is_in_it():
    routes = {f"{method} {path.replace(':path', '')}" for methods, path, _ in ROUTES for method in methods.split(",")}

    assert set(OPERATIONS) == routes
    assert set(openapi.SHAPES) == {path for _, path, _ in ROUTES}


@pytest.fixture(scope="module")
def proxy_of_its_own(shared_proxies, stage, tmp_path_factory):
    """Some requests change its models."""
    stage.app = DemoUpstream(chunk_delay_s=0).app
    return shared_proxies.start(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def session():
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.mark.parametrize("label", OPERATIONS)
def test_what_is_answered_is_what_the_document_says(proxy_of_its_own, stage, session, label):
    demo = DemoUpstream(chunk_delay_s=0)
    stage.app = demo.app

    @settings(max_examples=25, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=OPERATIONS[label].as_strategy(), model=st.sampled_from([None, *MODELS]))
    def ask(case, model):
        if model is not None and isinstance(case.body, dict):
            case.body["model"] = model
        before = len(demo.received)

        answer = case.call(base_url=proxy_of_its_own.url, session=session)

        if ON_PURPOSE not in answer.text:
            case.validate_response(answer, checks=CHECKS)
        # Texts to be embedded go out in portions; nothing else is asked for twice.
        assert len(demo.received) - before <= 1
        demo.received.clear()

    ask()

"""The demo's keys over a real socket: what each is good for, and what is told of it."""

from pathlib import Path

import httpx
import pytest

from tray_proxy.demo import keys
from tray_proxy.demo.refusals import RefusedError

PAID = "openai/gpt-4o-mini"
FREE = "deepseek/deepseek-r1:free"


@pytest.fixture
def caller(stage, upstream):
    """Ask with a key of one's own."""

    def ask(key: str, method: str, path: str, **more) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}"}
        return httpx.request(method, stage["url"] + path, headers=headers, trust_env=False, timeout=15, **more)

    return ask


def data_of(caller, key):
    return caller(key, "GET", "/key").json()["data"]


@pytest.mark.parametrize("key", [keys.DEMO_KEY, keys.FREE_KEY, keys.SPENT_KEY])
def test_what_a_key_tells_of_itself_is_of_openrouters_shape(caller, conforms, key) -> None:
    conforms("key", caller(key, "GET", "/key").json())


def test_a_key_without_credit_buys_nothing_but_free_models(caller, conforms, body) -> None:
    """An account that never paid has these alone."""
    told = data_of(caller, keys.FREE_KEY)
    bought = caller(keys.FREE_KEY, "POST", "/chat/completions", json=body())
    free = caller(keys.FREE_KEY, "POST", "/chat/completions", json=body(model=FREE))

    assert (told["is_free_tier"], told["limit"], told["limit_remaining"], told["usage"]) == (True, None, None, 0.0)
    assert (bought.status_code, free.status_code) == (402, 200)
    conforms("error-402", bought.json())


def test_a_key_whose_limit_is_used_up_buys_nothing(caller, conforms, body) -> None:
    told = data_of(caller, keys.SPENT_KEY)
    answer = caller(keys.SPENT_KEY, "POST", "/chat/completions", json=body())
    vectors = caller(keys.SPENT_KEY, "POST", "/embeddings", json={"model": "baai/bge-m3", "input": "a"})

    assert (told["limit"], told["limit_remaining"], told["limit_reset"]) == (5.0, 0.0, "monthly")
    assert (answer.status_code, answer.json()["error"]["message"]) == (403, "Key limit exceeded (monthly limit).")
    assert vectors.status_code == 403
    conforms("error-403", answer.json())


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (keys.DISABLED_KEY, "This API key is disabled."),
        (keys.EXPIRED_KEY, "This API key has expired."),
        ("sk-or-v1-demo-signed-in-of-nobody", "User not found."),
    ],
)
@pytest.mark.parametrize(("method", "path"), [("GET", "/key"), ("POST", "/chat/completions")])
def test_a_key_that_is_not_good_is_refused_everywhere(caller, conforms, key, message, method, path) -> None:
    answer = caller(key, method, path, json={})

    assert (answer.status_code, answer.json()["error"]["message"]) == (401, message)
    conforms("error-401", answer.json())


def test_a_made_key_is_known_again_by_another_demo(caller, body) -> None:
    """Who signed in yesterday is still signed in: the demo itself keeps nothing."""
    key = keys.new_key()

    assert caller(key, "POST", "/chat/completions", json=body()).status_code == 200
    assert data_of(caller, key)["label"] == f"sk-or-v1-dem...{key[-3:]} (demo)"


def test_a_made_key_is_another_each_time() -> None:
    assert len({keys.new_key() for _ in range(5)}) == 5


@pytest.mark.parametrize("changed", [lambda key: key[:-1] + "x", lambda key: key + "0", lambda key: key[:-8]])
def test_a_made_key_with_a_slip_is_not_known(changed) -> None:
    with pytest.raises(RefusedError) as refused:
        keys.authorise(f"Bearer {changed(keys.new_key())}", keys.DEMO_KEY)

    assert (refused.value.status, refused.value.message) == (401, "User not found.")


@pytest.mark.parametrize("key", [keys.DEMO_KEY, keys.FREE_KEY, keys.SPENT_KEY, keys.DISABLED_KEY, keys.EXPIRED_KEY])
def test_every_key_stands_in_the_readme(key) -> None:
    assert f"| `{key}` |" in (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")

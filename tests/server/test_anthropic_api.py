"""What is around Anthropic's messages: the bill stops when the client leaves, and the log tells what was bought."""

MESSAGE = {"model": "openai/gpt-4o-mini", "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]}


def test_the_log_line_tells_what_was_bought_and_not_what_was_said(proxy, log_lines):
    answer = proxy.http.post("/v1/messages", json=MESSAGE)

    [line] = log_lines("/v1/messages")
    assert answer.json()["id"] == f"msg_{line['request_id']}"
    assert (line["path"], line["model"], line["prompt_tokens"], line["completion_tokens"], line["cost_usd"]) == (
        "/v1/messages",
        "openai/gpt-4o-mini",
        5,
        19,
        1.215e-05,
    )
    assert "hello" not in str(line)


def test_a_model_that_was_asked_is_in_use(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path)

    proxy.http.post("/v1/messages", json=MESSAGE)

    assert [model["name"] for model in proxy.http.get("/api/ps").json()["models"]] == ["openai/gpt-4o-mini"]


def test_counting_tokens_uses_no_model(proxies, upstream, tmp_path):
    proxy = proxies.start(tmp_path)

    proxy.http.post("/v1/messages/count_tokens", json=MESSAGE)

    assert proxy.http.get("/api/ps").json() == {"models": []}

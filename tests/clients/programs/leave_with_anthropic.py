"""Anthropic's Python library in the middle of a stream: leaves it, and lives on until its standard input ends."""

import os
import sys

from anthropic import Anthropic

client = Anthropic(base_url=os.environ["OLLAMA_HOST"], api_key="ollama")
messages = [{"role": "user", "content": "#fault:endless"}]
with client.messages.stream(model="openai/gpt-4o-mini", max_tokens=2000, messages=messages) as stream:
    print(next(iter(stream.text_stream)), flush=True)  # noqa: T201  the test reads it
sys.stdin.read()

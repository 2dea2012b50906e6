"""OpenAI's Python library in the middle of a stream: leaves it, and lives on until its standard input ends."""

import os
import sys

from openai import OpenAI

client = OpenAI(base_url=f"{os.environ['OLLAMA_HOST']}/v1", api_key="ollama")
messages = [{"role": "user", "content": "#fault:endless"}]
with client.chat.completions.create(model="openai/gpt-4o-mini", messages=messages, stream=True) as stream:
    print(next(iter(stream)).choices[0].delta.content, flush=True)  # noqa: T201  the test reads it
sys.stdin.read()

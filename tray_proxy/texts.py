"""
What people read in the menu, in notices and on the pages: English sentences under keys, ready for translation.

They lie in `assets/texts/en`, one JSON file for each area; `menu.quit` is the entry `quit` of `menu.json`. What apps
are told does not: those are Ollama's, OpenAI's and Anthropic's own words, in `errors` and `openrouter.cures`.
"""

from functools import cache

import msgspec

from tray_proxy import paths


@cache
def table() -> dict[str, str]:
    """Return all texts by key; the page asks for them whole."""
    texts: dict[str, str] = {}
    for file in sorted(paths.asset("texts/en").glob("*.json")):
        entries = msgspec.json.decode(file.read_bytes(), type=dict[str, str])
        texts |= {f"{file.stem}.{name}": words for name, words in entries.items()}
    return texts


def text(key: str, **values: object) -> str:
    """
    Return a text with its placeholders filled in.

    Raises:
        KeyError: there is no such text, or a placeholder of it has no value.
    """
    return table()[key].format_map(values)

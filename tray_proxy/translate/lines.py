"""
JSON on one line, for every reader.

Source: Go's `encoding/json`, with which Ollama writes, and which escapes the first two of these; Python's
`str.splitlines`, by which httpx's `iter_lines` cuts, and so ollama-python.
"""

# Characters inside a text that end a line for some readers, in UTF-8, and the escapes that JSON has for them.
ESCAPES = ((b"\xe2\x80\xa8", rb"\u2028"), (b"\xe2\x80\xa9", rb"\u2029"), (b"\xc2\x85", rb"\u0085"))


def one_line(written: bytes) -> bytes:
    """Escape what a reader could take for the end of a line; as JSON it remains the same."""
    for character, escape in ESCAPES:
        written = written.replace(character, escape)
    return written

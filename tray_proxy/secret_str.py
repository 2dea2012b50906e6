"""A text that shows itself to nobody who prints, logs or encodes it by mistake."""

import hmac


class SecretStr:
    """A key, or what stands in for one. There is no other way to its text than to ask for it by name."""

    __slots__ = ("__weakref__", "_text")

    def __init__(self, text: str) -> None:
        self._text = text

    def get_secret_value(self) -> str:
        """Return the text itself."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretStr) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "SecretStr()"

    def __reduce__(self) -> str:
        raise TypeError("a secret is not written down")

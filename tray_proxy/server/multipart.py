"""
Forms with files (`multipart/form-data`), read while they arrive. Everything stays in memory, and within a limit.

Source: RFC 7578; Go's `mime/multipart`, with which Ollama reads them.
"""

import logging
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from tray_proxy.errors import BadRequest, BodyTooLarge

# What is wrong with a form is told to who sent it; in the log a request is one line.
logging.getLogger("python_multipart").setLevel(logging.ERROR)

# A form has a handful of fields. Empty ones cost time, and add little that the limit could count.
MAX_PARTS = 100


@dataclass
class Part:
    """
    One field of a form.

    Args:
        name: "" where it has none.
        file_name: "" where it is no file, or one without a name.
    """

    name: str = ""
    file_name: str = ""
    content: bytearray = field(default_factory=bytearray)


class Form:
    """
    A form that is read part by part.

    Args:
        content_type: The request's header; it names what stands between the fields.
        limit: How many bytes the form may have.
        announced: How many bytes it will have; 0 where that is not known.

    Raises:
        BadRequest: it is no such form.
        BodyTooLarge: it is announced to exceed the limit.
    """

    def __init__(self, content_type: str, limit: int, announced: int = 0) -> None:
        self._limit = limit
        self._size = 0
        self._check_size(announced)
        self._parts: list[Part] = []
        self._header, self._value = bytearray(), bytearray()
        self._is_whole = False
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise _unreadable("the Content-Type must be multipart/form-data, with a boundary")
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_begin": self._begin_header,
                    "on_header_field": self._take_header,
                    "on_header_value": self._take_value,
                    "on_header_end": self._end_header,
                    "on_part_data": self._take_content,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise _unreadable(str(error)) from None

    def add(self, part: bytes) -> None:
        """
        Take in the next bytes.

        Raises:
            BadRequest: they are no part of a form.
            BodyTooLarge: the form exceeds the limit.
        """
        self._size += len(part)
        self._check_size(self._size)
        try:
            self._parser.write(part)
        except FormParserError as error:
            raise _unreadable(str(error)) from None

    def whole(self) -> dict[str, Part]:
        """
        Give the fields by their names; of several with the same name the first, as Ollama does.

        Raises:
            BadRequest: the form's end is missing.
        """
        if not self._is_whole:
            raise _unreadable("its end is missing")
        return {part.name: part for part in reversed(self._parts)}

    def _check_size(self, size: int) -> None:
        if size > self._limit:
            raise BodyTooLarge(
                f"The request is larger than {self._limit // 1024 // 1024} MiB: "
                "send less at once, for example a shorter recording, or one in a smaller format."
            )

    def _begin(self) -> None:
        if len(self._parts) == MAX_PARTS:
            raise _unreadable(f"it has more than {MAX_PARTS} fields")
        self._parts.append(Part())

    def _begin_header(self) -> None:
        self._header.clear()
        self._value.clear()

    def _take_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _take_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(bytes(self._value))
            self._parts[-1].name = options.get(b"name", b"").decode(errors="replace")
            self._parts[-1].file_name = options.get(b"filename", b"").decode(errors="replace")

    def _take_content(self, data: bytes, start: int, end: int) -> None:
        self._parts[-1].content += memoryview(data)[start:end]

    def _end(self) -> None:
        self._is_whole = True


def _unreadable(reason: str) -> BadRequest:
    """Make the error for what is no form, in Ollama's words."""
    return BadRequest(f"failed to parse multipart form: {reason}")

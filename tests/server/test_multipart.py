"""Forms: whatever way they are cut on the way, and whatever is no form."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tray_proxy.errors import BadRequest, BodyTooLarge
from tray_proxy.server.multipart import MAX_PARTS, Form

TYPE = "multipart/form-data; boundary=cut-here"
END = b"--cut-here--\r\n"
LIMIT = 1024 * 1024
SOUND = b"RIFF\r\n--cut-\r\n--cut-her\r\n\0\xff--cut-here"
FAILED = "failed to parse multipart form: "


def part(disposition, content, *headers):
    lines = [b"--cut-here", b"Content-Disposition: form-data; " + disposition, *headers, b"", content, b""]
    return b"\r\n".join(lines)


WHOLE = (
    part(b'name="model"', b"vendor/ear")
    + part(b'name="file"; filename="a b.WAV"', SOUND, b"Content-Type: audio/x-wav")
    + part(b'name="prompt"', b"")
    + END
)
READ = {"model": ("", b"vendor/ear"), "file": ("a b.WAV", SOUND), "prompt": ("", b"")}


def read(*parts, content_type=TYPE):
    form = Form(content_type, LIMIT)
    for each in parts:
        form.add(each)
    return {name: (part.file_name, part.content) for name, part in form.whole().items()}


def refusal(*parts, content_type=TYPE):
    with pytest.raises(BadRequest) as caught:
        read(*parts, content_type=content_type)
    return caught.value.message


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, len(WHOLE)])
def test_a_form_is_read_wherever_the_network_cuts_it(size):
    """The file holds half of what stands between fields, and its bytes are kept as they are."""
    assert read(*(WHOLE[at : at + size] for at in range(0, len(WHOLE), size))) == READ


@pytest.mark.parametrize(
    "content_type",
    [
        'multipart/form-data; boundary="cut-here"',
        "Multipart/Form-Data;boundary=cut-here",
        "multipart/form-data; charset=utf-8; Boundary=cut-here",
    ],
)
def test_the_content_type_may_be_written_in_other_ways(content_type):
    assert read(WHOLE, content_type=content_type) == READ


def test_what_stands_around_a_form_is_passed_over():
    assert read(b"\r\n", WHOLE, b"more\r\n--cut-here\r\n") == READ


def test_of_two_fields_with_one_name_the_first_counts():
    form = part(b'name="model"', b"first") + part(b'name="model"', b"second") + END

    assert read(form) == {"model": ("", b"first")}


def test_names_may_have_any_letters_and_headers_any_case():
    form = b'--cut-here\r\ncontent-disposition:form-data; NAME=file; filename="\xc3\xbcber.mp3"\r\n\r\nx\r\n' + END

    assert read(form) == {"file": ("über.mp3", b"x")}


def test_a_name_that_is_no_utf8_is_a_name_all_the_same():
    assert read(part(b'name="file"; filename="\xff.mp3"', b"x") + END) == {"file": ("\ufffd.mp3", b"x")}


def test_a_field_without_a_name_is_passed_over_by_who_asks_for_names():
    assert read(b"--cut-here\r\nX-Other: 1\r\n\r\nx\r\n" + END) == {"": ("", b"x")}


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/mixed; boundary=cut-here",
        ";",
        "ü; boundary=ü",
    ],
)
def test_another_content_type_is_no_form(content_type):
    words = "the Content-Type must be multipart/form-data, with a boundary"

    assert refusal(WHOLE, content_type=content_type) == FAILED + words


def test_a_boundary_without_end_is_refused():
    assert refusal(content_type=f"multipart/form-data; boundary={'x' * 300}") == (
        f"{FAILED}Boundary length 300 exceeds maximum of 256"
    )


@pytest.mark.parametrize("form", [b"", WHOLE[: -len(END)], WHOLE[:-4], b"--cut-here\r\n", b"\r\n\r\n"])
def test_a_form_without_its_end_is_refused(form):
    """Half a recording would be bought as a whole one."""
    assert refusal(form) == f"{FAILED}its end is missing"


@pytest.mark.parametrize("form", [b"{}", b"--other\r\n", b"--cut-here\r\nno header\r\n", b"--cut-herex"])
def test_what_is_no_form_is_refused_with_the_reason(form):
    reason = refusal(form).removeprefix(FAILED)

    assert reason.startswith(("Expected boundary character ", "Found invalid character ", "Did not find CR "))


def test_what_is_wrong_is_not_told_to_the_log_as_well(caplog):
    """In the log a request is one line, and no more of them for a worse one."""
    refusal(b"{}")

    assert caplog.records == []


def test_a_header_without_end_is_refused():
    assert refusal(part(b'name="' + b"x" * 10_000 + b'"', b"")) == f"{FAILED}Maximum header size exceeded"


def test_fields_without_end_are_refused():
    """Each costs time, and adds little to what is counted otherwise."""
    assert refusal(part(b'name="a"', b"") * (MAX_PARTS + 1)) == f"{FAILED}it has more than 100 fields"


TOO_LARGE = (
    "The request is larger than 1 MiB: send less at once, for example a shorter recording, or one in a smaller format."
)


def test_a_form_beyond_the_limit_is_refused_while_it_comes():
    form = Form(TYPE, LIMIT)
    form.add(b'--cut-here\r\nContent-Disposition: form-data; name="file"\r\n\r\n')

    with pytest.raises(BodyTooLarge) as caught:
        form.add(bytes(LIMIT))

    assert caught.value.message == TOO_LARGE


def test_a_form_that_is_announced_too_large_is_not_waited_for():
    with pytest.raises(BodyTooLarge) as caught:
        Form(TYPE, LIMIT, announced=LIMIT + 1)

    assert caught.value.message == TOO_LARGE


PIECES = [
    b"--cut-here", b"--", b"\r\n", b"\r", b"\n", b"Content-Disposition: form-data; ", b'name="model"', b"name=", b";",
    b'filename="', b'"', b"\\", b": ", b"\0", b"\xff", b" ", END, WHOLE, b"=", b"*=utf-8''", b"_charset_",
]  # fmt: skip
pieces = st.sampled_from(PIECES) | st.binary(max_size=20)


@settings(deadline=None, database=None, derandomize=True, max_examples=500)
@given(chunks=st.lists(st.lists(pieces, max_size=8).map(b"".join), max_size=4))
def test_whatever_comes_is_read_or_refused(chunks):
    with contextlib.suppress(BadRequest):
        read(*chunks)


@settings(deadline=None, database=None, derandomize=True, max_examples=500)
@given(
    content_type=st.lists(
        st.sampled_from([TYPE, "multipart/form-data", ";", "boundary", "=", '"', "\\", " ", "*", "\xff"]), max_size=8
    ).map("".join)
)
def test_whatever_content_type_comes_is_read_or_refused(content_type):
    with contextlib.suppress(BadRequest):
        Form(content_type, LIMIT)

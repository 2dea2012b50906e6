"""The unit tests of what differs between the systems, once more, by the Windows Python."""

import pytest

from windows.wine_desktop import ROOT

CHOSEN = [
    line
    for line in (ROOT / "tests" / "windows" / "unit-tests.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]
# Wine does not tell which process holds a port, or since when.
LEFT_OUT = (
    "test_listener.py::test_a_port_taken_on_either_address_is_taken",
    "test_socket_owner.py::test_our_own_connection_is_ours",
    "test_socket_owner.py::test_ours_is_also_one_that_speaks_ipv4_through_a_socket_of_the_newer_kind",
    "test_socket_owner.py::test_this_system_can_be_asked",
)


@pytest.mark.timeout(600)
def test_the_unit_tests_pass(wine):
    files = [f"tests/{name}" for name in CHOSEN]
    left_out = [f"--deselect=tests/{name}" for name in LEFT_OUT]

    status, output = wine.run(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not running", *left_out, *files,
        cwd=ROOT, timeout_s=580,
    )  # fmt: skip

    if status != 0:
        pytest.fail(output, pytrace=False)

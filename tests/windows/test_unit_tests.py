"""The unit tests of what differs between the systems, once more, by the Windows Python."""

import pytest

from windows.wine_desktop import ROOT

CHOSEN = [
    line
    for line in (ROOT / "tests" / "windows" / "unit-tests.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]
# Wine does not tell which process holds a port.
LEFT_OUT = ("test_listener.py::test_a_port_taken_on_either_address_is_taken",)


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

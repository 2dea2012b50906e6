"""The unit tests of what differs between the systems, once more, by the Windows Python."""

import pytest

from windows.wine_desktop import ROOT

# Translating is the same everywhere; the page and the servers are asked by the other tests here.
CHOSEN = (
    "tray", "neighbour", "test_activity.py", "test_autostart.py", "test_basis.py", "test_callers.py",
    "test_catalogue.py", "test_checkup.py", "test_cli.py", "test_doctor.py", "test_errors.py", "test_instance.py",
    "test_keychain.py", "test_listener.py", "test_logs.py", "test_ollama_host.py", "test_paths.py",
    "test_port_watch.py", "test_presets.py", "test_program.py", "test_revival.py", "test_selection.py",
    "test_setting_values.py", "test_settings.py", "test_texts.py", "test_user_file.py", "test_wiring.py",
)  # fmt: skip
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

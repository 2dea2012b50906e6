"""Secret files, as a container is handed them; how the sources go together is told by the settings' own tests."""

import pytest

from tray_proxy import setting_sources, settings
from tray_proxy.errors import SettingsInvalid
from tray_proxy.secret_str import SecretStr

KEY, ACCESS_KEY = "sk-or-v1-0123456789abcdef", "an-access-key-of-nobody"


@pytest.fixture(autouse=True)
def secrets(tmp_path, monkeypatch):
    """The folder of a container's secrets, and another one to start in."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    monkeypatch.setattr(setting_sources, "SECRETS", folder)
    monkeypatch.chdir(tmp_path)
    return folder


def keys():
    loaded = settings.load()
    return [key and key.get_secret_value() for key in (loaded.openrouter_api_key, loaded.proxy_api_key)]


def test_the_keys_are_taken_from_files_of_their_names(secrets):
    """In either case; `docker secret create` adds the end of the line that it was given."""
    (secrets / "openrouter_api_key").write_text(f"{KEY}\n")
    (secrets / "PROXY_API_KEY").write_text(f" {ACCESS_KEY}\r\n")

    assert keys() == [KEY, ACCESS_KEY]


def test_no_other_setting_is(secrets):
    """A secret of the name "host" is more likely a database's."""
    (secrets / "host").write_text("localhost")

    assert settings.load().host == "127.0.0.1"


def test_the_environment_goes_before_a_secret_file(secrets, monkeypatch):
    (secrets / "proxy_api_key").write_text("another-access-key")
    monkeypatch.setenv("PROXY_API_KEY", ACCESS_KEY)

    assert settings.load().proxy_api_key == SecretStr(ACCESS_KEY)


@pytest.mark.parametrize("content", ["", " \n"])
def test_an_empty_secret_file_is_not_set(secrets, content):
    (secrets / "proxy_api_key").write_text(content)

    assert keys() == [None, None]


def test_a_secret_lets_other_computers_in_as_the_variable_does(secrets, monkeypatch):
    (secrets / "proxy_api_key").write_text(ACCESS_KEY)
    monkeypatch.setenv("OLLAMA_HOST", "0.0.0.0")

    assert settings.load().host == "0.0.0.0"


def test_where_there_are_no_secrets_nothing_is_said(secrets):
    secrets.rmdir()

    assert keys() == [None, None]


def test_a_secret_that_cannot_be_read_is_told_by_its_path(secrets):
    """With the rights of a file on the host, say; a folder in its place cannot be read by root either."""
    (secrets / "proxy_api_key").mkdir()

    with pytest.raises(SettingsInvalid) as refused:
        settings.load()

    assert refused.value.message == (
        f"The secret file {secrets / 'proxy_api_key'} cannot be read (IsADirectoryError). Allowed is a text file that "
        "the user whom Tray Proxy runs as may read."
    )

"""What an uninstaller deletes where it is asked to, and what it leaves alone."""

from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

from tray_proxy import cli, instance
from tray_proxy.forget import NotForgotten, forget
from tray_proxy.instance import AlreadyRuns, Instance
from tray_proxy.keychain import ACCOUNT, SERVICE, Keychain
from tray_proxy.paths import Folders

OURS = (
    "settings.json", ".settings.json.k2x0_b1c", "settings.damaged-1764000000.json", "instance.json", "instance.lock",
    "cache/catalogue.json", "cache/local-models.json", "cache/updates.json", "cache/.catalogue.json.a_1b2c3d",
    "logs/tray-proxy.log", "logs/tray-proxy.log.1", "logs/tray-proxy.log.2",
)  # fmt: skip
KEYS = {(SERVICE, ACCOUNT): "sk-or-v1-0123456789abcdef", (f"{SERVICE} (demo)", ACCOUNT): "sk-or-v1-demo-x"}


class RefusingStore(KeyringBackend):
    """A key store that nobody unlocks."""

    priority = -1  # type: ignore[assignment]  # never to be chosen but by a test

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked

    def set_password(self, service: str, username: str, password: str) -> None:
        raise KeyringLocked


@pytest.fixture
def locked_keyring() -> Iterator[None]:
    before = keyring.get_keyring()
    keyring.set_keyring(RefusingStore())
    yield
    keyring.set_keyring(before)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder in which the program was used."""
    home = tmp_path / "home"
    write(home, *OURS, *(f"demo/{name}" for name in OURS if not name.startswith(("cache", "logs"))))
    write(home, "cache/demo/catalogue.json")
    return home


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def folders(home: Path) -> Folders:
    return Folders(settings=home, cache=home / "cache", logs=home / "logs")


def test_nothing_is_left(home: Path, memory_keyring: dict[tuple[str, str], str]) -> None:
    memory_keyring |= KEYS

    assert cli.main(["--forget"]) == 0

    assert not home.exists()
    assert memory_keyring == {}


def test_the_demo_can_be_forgotten_alone(home: Path, memory_keyring: dict[tuple[str, str], str]) -> None:
    """It shares the log with the real one, and takes that along."""
    memory_keyring |= KEYS

    assert cli.main(["--demo", "--forget"]) == 0

    assert files(home) == sorted(name for name in OURS if not name.startswith("logs"))
    assert list(memory_keyring) == [(SERVICE, ACCOUNT)]


def test_what_is_not_ours_stays(home: Path, memory_keyring: dict[tuple[str, str], str]) -> None:
    """Somebody's own folder may have been named for it."""
    others = [
        ".settings.json.swp", "cache/notes.txt", "cache/other.json", "cache/thumbnails/1.png", "letter.txt",
        "logs/other.log", "logs/tray-proxy.log.zip", "settings.json.bak",
    ]  # fmt: skip
    write(home, *others)

    cli.main(["--forget"])

    assert files(home) == others


def test_a_setting_that_is_refused_does_not_keep_anything(
    home: Path, memory_keyring: dict[tuple[str, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ollama's users have such a variable; and a settings file that is damaged is deleted, and not set aside."""
    monkeypatch.setenv("OLLAMA_HOST", "0.0.0.0")
    (home / "settings.json").write_text("{")

    assert cli.main(["--forget"]) == 0

    assert not home.exists()


def test_where_nothing_is_nothing_is_made(tmp_path: Path, memory_keyring: dict[tuple[str, str], str]) -> None:
    assert cli.main(["--forget"]) == 0
    assert list(tmp_path.iterdir()) == []


def test_the_folder_around_ours_goes_if_it_bears_our_name(
    tmp_path: Path, memory_keyring: dict[tuple[str, str], str]
) -> None:
    logs = tmp_path / "state" / "tray-proxy" / "log"
    write(logs, "tray-proxy.log")

    forget([(Folders(tmp_path / "config", tmp_path / "cache", logs), Keychain())])

    assert list((tmp_path / "state").iterdir()) == []


def test_a_running_copy_is_not_pulled_from_under_its_feet(
    home: Path, memory_keyring: dict[tuple[str, str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    memory_keyring |= KEYS
    (home / "demo" / instance.FILE_NAME).unlink()
    running = Instance.acquire(home / "demo")
    assert running is not None
    before = files(home)

    assert cli.main(["--forget"]) == 1

    assert (files(home), memory_keyring) == (before, KEYS)
    assert capsys.readouterr().err == f"tray-proxy: {AlreadyRuns(home).message} {AlreadyRuns(home).hint}\n"
    running.release()


def test_a_key_store_that_refuses_does_not_keep_the_files(home: Path, locked_keyring: None) -> None:
    places = folders(home)

    with pytest.raises(NotForgotten) as refused:
        forget([(places.demo(), Keychain()), (places, Keychain())])

    assert refused.value.message == ("Not everything could be deleted: The system's key store refused (KeyringLocked).")
    assert not home.exists()


def test_a_file_that_does_not_go_is_named(home: Path, memory_keyring: dict[tuple[str, str], str]) -> None:
    stuck = home / "cache" / "updates.json"
    stuck.unlink()
    stuck.mkdir()

    with pytest.raises(NotForgotten, match=r"updates\.json \(") as refused:
        forget([(folders(home), Keychain())])

    assert str(stuck) in refused.value.message
    assert [name for name in files(home) if not name.startswith(("demo", "cache/demo"))] == []


def test_a_folder_that_cannot_be_read_is_named(home: Path, memory_keyring: dict[tuple[str, str], str]) -> None:
    """What is in it may be ours, and is still there."""
    places = Folders(settings=home, cache=home / "settings.json", logs=home / "logs")

    with pytest.raises(NotForgotten) as refused:
        forget([(places, Keychain())])

    assert refused.value.message == f"Not everything could be deleted: {home / 'settings.json'} (Not a directory)."

"""Settings: which source wins, what is refused, and what a saved file keeps."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs

from tray_proxy import paths, setting_list, setting_sources, settings
from tray_proxy.demo.catalogue import models_with_output
from tray_proxy.errors import SettingsInvalid
from tray_proxy.secret_str import SecretStr
from tray_proxy.setting_list import Settings
from tray_proxy.translate.names import AllowList, filter_lines
from tray_proxy.user_file import save

ROOT = Path(__file__).parents[1]
KEY = "sk-or-v1-0123456789abcdef"

DEFAULTS = {name: field.default for name, field in setting_list.FIELDS.items()}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the program is started in."""
    folder = tmp_path / "started here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def user_file(tmp_path: Path) -> Path:
    """The user's settings file, in the folder that `TRAY_PROXY_HOME` names in every test."""
    home = tmp_path / "home"
    home.mkdir()
    return home / "settings.json"


def refusal(flags: dict[str, object] | None = None) -> str:
    with pytest.raises(SettingsInvalid) as caught:
        settings.load(flags)
    return caught.value.message


def test_where_nothing_is_given_the_defaults_hold(tmp_path: Path) -> None:
    assert structs.asdict(settings.load()) == {**DEFAULTS, "tray_proxy_home": tmp_path / "home"}


SOURCES = ("flag", "environment", ".env", "user file")


@pytest.mark.parametrize(
    ("given", "port"),
    [
        (SOURCES, 1001),
        (SOURCES[1:], 1002),
        (SOURCES[2:], 1003),
        (SOURCES[3:], 1004),
        ((), 11434),
        (("flag", "user file"), 1001),
        (("environment", "user file"), 1002),
    ],
)
def test_the_first_source_that_has_a_value_wins(
    given: tuple[str, ...], port: int, folder: Path, user_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "environment" in given:
        monkeypatch.setenv("PORT", "1002")
    if ".env" in given:
        (folder / ".env").write_text("PORT=1003\n")
    if "user file" in given:
        user_file.write_text('{"port": 1004}')

    assert settings.load({"port": "1001"} if "flag" in given else {}).port == port


def test_each_setting_is_looked_for_by_itself(folder: Path, user_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    (folder / ".env").write_text("IDLE_TIMEOUT_S=7\n")
    user_file.write_text('{"host": "::1"}')

    loaded = settings.load({"port": "1001"})

    assert (loaded.port, loaded.log_level, loaded.idle_timeout_s, loaded.host) == (1001, "ERROR", 7.0, "::1")


@pytest.mark.parametrize("name", [name.upper() for name in DEFAULTS if name != "tray_proxy_home"])
def test_an_empty_variable_is_not_set(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As scripts and container files leave them."""
    (folder / ".env").write_text(f"{name}=\n")
    monkeypatch.setenv(name, "")

    assert getattr(settings.load(), name.lower()) == DEFAULTS[name.lower()]


@pytest.mark.parametrize("prepare", ["flag", "environment", ".env"])
def test_the_home_decides_which_user_file_is_read(
    prepare: str, folder: Path, tmp_path: Path, user_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_file.write_text('{"port": 1001}')
    other = tmp_path / "other"
    other.mkdir()
    (other / "settings.json").write_text('{"port": 1002}')
    flags = {}
    if prepare == "flag":
        flags = {"tray_proxy_home": str(other)}
    elif prepare == "environment":
        monkeypatch.setenv("TRAY_PROXY_HOME", str(other))
    else:
        monkeypatch.delenv("TRAY_PROXY_HOME")
        (folder / ".env").write_text(f"TRAY_PROXY_HOME='{other}'\n")

    loaded = settings.load(flags)

    assert (loaded.tray_proxy_home, loaded.port) == (other, 1002)


@pytest.mark.parametrize(
    ("name", "written", "read"),
    [
        ("host", "LOCALHOST", "localhost"),
        ("host", "127.1.2.3", "127.1.2.3"),
        ("port", "65535", 65535),
        ("log_level", "debug", "DEBUG"),
        ("openrouter_base_url", "https://eu.example/api/v1/", "https://eu.example/api/v1"),
        ("openrouter_base_url", "http://localhost:8000/api", "http://localhost:8000/api"),
        ("openrouter_base_url", "http://[::1]:8000", "http://[::1]:8000"),
        ("connect_timeout_s", "0.5", 0.5),
        ("first_byte_timeout_s", "3600", 3600.0),
    ],
)
def test_a_value_may_be_written_in_several_ways(name: str, written: str, read: object) -> None:
    assert getattr(settings.load({name: written}), name) == read


A_HOST = (
    "a loopback address (127.0.0.1, ::1 or localhost); with PROXY_API_KEY set, any address of this computer, or "
    "0.0.0.0 for all of them"
)
ACCESS_KEY = "an-access-key-of-nobody"
NEEDS_ACCESS_KEY = (
    "Other computers could reach the port, which spends your money: set PROXY_API_KEY to an access key that apps have "
    "to send (`openssl rand -hex 24` makes one), or start with --insecure to answer whoever reaches it."
)
WHOLE_PORT = "a whole number from 1 to 65535"
LEVELS = "DEBUG, INFO, WARNING or ERROR"
BASE_URL = "an https address, or http on this computer (127.0.0.1, ::1 or localhost)"
TO_300 = "a number above 0 and up to 300"
TO_3600 = "a number above 0 and up to 3600"


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("host", "0.0.0.0:80", A_HOST),
        ("host", "[::]", A_HOST),
        ("host", "http://127.0.0.1", A_HOST),
        ("allowed_hosts", "ai.example:80", "names or addresses without a port, separated by commas"),
        ("port", "0", WHOLE_PORT),
        ("port", "65536", WHOLE_PORT),
        ("port", "11434.5", WHOLE_PORT),
        ("port", "eleven", WHOLE_PORT),
        ("log_level", "LOUD", LEVELS),
        ("models_filter", "no such file", "the path of a readable text file"),
        ("models_filter", ".", "the path of a readable text file"),
        ("openrouter_base_url", "http://openrouter.ai/api/v1", BASE_URL),
        ("openrouter_base_url", "openrouter.ai/api/v1", BASE_URL),
        ("openrouter_base_url", "ftp://localhost", BASE_URL),
        ("openrouter_base_url", "https://", BASE_URL),
        ("openrouter_base_url", "https://name:secret@openrouter.ai", BASE_URL),
        ("openrouter_base_url", "https://openrouter.ai/api?to=elsewhere", BASE_URL),
        ("openrouter_base_url", "https://openrouter.ai/api#part", BASE_URL),
        ("openrouter_base_url", "https://openrouter.ai:port", BASE_URL),
        ("connect_timeout_s", "0", TO_300),
        ("connect_timeout_s", "300.1", TO_300),
        ("first_byte_timeout_s", "nan", TO_3600),
        ("first_byte_timeout_s", "-1", TO_3600),
        ("idle_timeout_s", "inf", TO_3600),
        ("idle_timeout_s", "soon", TO_3600),
        ("ollama_origins", "a.example", "origins such as chrome-extension://abc, separated by commas"),
        ("manage_models", "ask", "allow or deny"),
        ("library_names", "on", "off, call or list"),
    ],
)
@pytest.mark.parametrize("by", ["flag", "environment"])
def test_a_value_that_is_not_allowed_is_named_with_what_is(
    by: str, name: str, value: str, allowed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the name by which it was given."""
    label, flags = "--" + name.replace("_", "-"), {name: value}
    if by == "environment":
        label, flags = name.upper(), {}
        monkeypatch.setenv(label, value)

    assert refusal(flags) == f"{label} has a value that is not allowed: {value!r}. Allowed is {allowed}."


def test_a_value_that_is_not_allowed_cannot_play_with_the_terminal() -> None:
    assert refusal({"host": "\x1b[2J\n" + "x" * 500}) == (
        "--host has a value that is not allowed: '\\x1b[2J\\n" + "x" * 195 + f"'. Allowed is {A_HOST}."
    )


def test_null_in_the_environment_is_no_choice_of_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the settings file."""
    monkeypatch.setenv("ALLOWED_MODELS", "null")

    assert settings.load().allowed_models is None


@pytest.mark.parametrize("name", ["ALLOWED_MODELS", "HIDDEN_MODELS"])
@pytest.mark.parametrize("value", ["a list", '{"a": 1}', "[1]"])
def test_ticked_and_hidden_models_are_lists_of_names(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)

    assert refusal().startswith(f"{name} has a value that is not allowed: ")
    assert refusal().endswith(" Allowed is a list of model ids.")


@pytest.mark.parametrize("value", ["no object", "[]", '"text"'])
def test_presets_are_an_object(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESETS", value)

    assert refusal().endswith(" Allowed is an object with a name and what it stands for in each entry.")


def test_what_a_preset_holds_does_not_stop_the_start(user_file: Path) -> None:
    """It is judged where the presets are read, one by one."""
    user_file.write_text('{"presets": {"good": {"model": "v/a"}, "bad": 1}}')

    assert settings.load().presets == {"good": {"model": "v/a"}, "bad": 1}


@pytest.mark.parametrize(("value", "read"), [("deny", "deny"), ("Deny", "deny"), ("ALLOW", "allow")])
def test_who_may_change_the_models_is_said_in_any_case(value: str, read: str) -> None:
    assert settings.load({"manage_models": value}).manage_models == read


@pytest.mark.parametrize(("value", "read"), [("off", "off"), ("Call", "call"), ("LIST", "list")])
def test_what_becomes_of_ollamas_names_is_said_in_any_case(value: str, read: str) -> None:
    assert settings.load({"library_names": value}).library_names == read


def test_the_user_files_values_are_checked_too(user_file: Path) -> None:
    user_file.write_text('{"port": "eleven"}')

    assert refusal() == f"PORT has a value that is not allowed: 'eleven'. Allowed is {WHOLE_PORT}."


@pytest.mark.parametrize("value", [f"{KEY} with blanks", f"{KEY}\u200b", f"{KEY}\nX-Header: 1", " "])
def test_a_key_that_cannot_be_one_is_not_repeated(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", value)

    assert refusal() == (
        "OPENROUTER_API_KEY has a value that is not allowed. Allowed is a key as OpenRouter shows it, without blanks."
    )


@pytest.mark.parametrize("source", ["environment", ".env"])
def test_the_key_is_read_without_what_surrounds_it(source: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it comes from the clipboard."""
    if source == "environment":
        monkeypatch.setenv("OPENROUTER_API_KEY", f" {KEY}\n")
    else:
        (folder / ".env").write_text(f'OPENROUTER_API_KEY=" {KEY} "\n')

    assert settings.load().openrouter_api_key.get_secret_value() == KEY


HOSTS_OF_OTHERS = ["0.0.0.0", "::", "192.168.1.5", "example.com", "localhost.example.com"]


@pytest.mark.parametrize("host", HOSTS_OF_OTHERS)
@pytest.mark.parametrize("by", ["flag", "environment"])
def test_a_host_that_others_can_reach_is_refused(by: str, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The port spends money, and asks nobody for a password."""
    if by == "environment":
        monkeypatch.setenv("HOST", host)

    label, flags = ("--host", {"host": host}) if by == "flag" else ("HOST", {})
    assert refusal(flags) == f"{label} has a value that is not allowed: {host!r}. {NEEDS_ACCESS_KEY}"


@pytest.mark.parametrize("host", HOSTS_OF_OTHERS)
def test_with_an_access_key_other_computers_are_let_in(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROXY_API_KEY", ACCESS_KEY)

    loaded = settings.load({"host": host})

    assert (loaded.host, loaded.is_wide) == (host, True)


def test_whoever_insists_lets_them_in_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by a variable that something else may have set."""
    monkeypatch.setenv("INSECURE", "1")

    assert settings.load({"host": "0.0.0.0", "insecure": True}).is_wide
    assert refusal({"host": "0.0.0.0"}).endswith(NEEDS_ACCESS_KEY)


def test_the_page_saves_such_a_host_only_where_there_is_an_access_key() -> None:
    """What was in the environment at the start is handed over: it is no longer there."""
    with_key = {"proxy_api_key": SecretStr(ACCESS_KEY)}

    assert settings.check({"host": "0.0.0.0"}, {}) == {"host": NEEDS_ACCESS_KEY}
    assert settings.check({"host": "0.0.0.0"}, with_key) == {}


def test_a_slip_in_the_file_does_not_hide_that_a_host_is_unguarded(user_file: Path) -> None:
    """The page would say that it is saved, and nothing would come of it."""
    user_file.write_text('{"port": "seven"}')

    assert settings.check({"host": "0.0.0.0"}, {}) == {"host": NEEDS_ACCESS_KEY}
    assert settings.check({"log_level": "DEBUG"}, {}) == {}


def test_a_saved_host_of_others_counts_for_nothing_once_the_key_is_gone(user_file: Path) -> None:
    """The tray starts all the same, for this computer alone, and says why."""
    user_file.write_text('{"host": "0.0.0.0"}')
    complaints: list[str] = []

    assert settings.load(complain=complaints.append).host == "127.0.0.1"
    assert complaints == [f"HOST has a value that is not allowed: '0.0.0.0'. {NEEDS_ACCESS_KEY}"]


@pytest.mark.parametrize("key", ["fifteen-letters", "two words of a key", "sk-or-v1-0123456789abcdef", " "])
def test_an_access_key_that_could_be_guessed_or_is_the_other_one_is_refused(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROXY_API_KEY", key)

    assert refusal() == (
        "PROXY_API_KEY has a value that is not allowed. Allowed is 16 plain characters or more without blanks, such as "
        "`openssl rand -hex 24` makes, and not your OpenRouter key."
    )


@pytest.mark.parametrize("show", [repr, str, structs.asdict, structs.astuple])
def test_settings_do_not_show_the_key(show: Callable[[Settings], object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
    monkeypatch.setenv("PROXY_API_KEY", ACCESS_KEY)

    shown = str(show(settings.load()))

    assert [key in shown for key in (KEY, ACCESS_KEY)] == [False, False]


def test_the_key_is_not_taken_from_the_user_file(user_file: Path) -> None:
    """Nor the home, which decides where that file is."""
    user_file.write_text(json.dumps({"openrouter_api_key": KEY, "tray_proxy_home": "/elsewhere", "port": 1001}))

    loaded = settings.load()

    assert (loaded.openrouter_api_key, loaded.tray_proxy_home, loaded.port) == (None, user_file.parent, 1001)


def test_child_programs_are_not_handed_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is started later, by us or by a library: it is no longer there."""
    monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
    monkeypatch.setenv("openrouter_api_key", KEY)
    monkeypatch.setenv("PROXY_API_KEY", ACCESS_KEY)

    setting_sources.hide_keys_from_children()

    assert {KEY, ACCESS_KEY}.isdisjoint(os.environ.values())
    assert "TRAY_PROXY_HOME" in os.environ


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"text"', b"null", b"\xff\xfe{\x00}\x00"])
def test_a_damaged_user_file_is_set_aside_and_the_defaults_hold(content: bytes, user_file: Path) -> None:
    """Nothing a person wrote is lost, and the program starts."""
    user_file.write_bytes(content)

    assert settings.load(complain=lambda _: None).port == 11434

    (kept,) = set(user_file.parent.iterdir()) - {user_file}
    assert re.fullmatch(r"settings\.damaged-\d+\.json", kept.name)
    assert kept.read_bytes() == content


def test_models_that_were_chosen_in_a_file_that_is_lost_are_chosen_anew(user_file: Path) -> None:
    """The default would allow every model, and some cost a lot; at the next start it still would."""
    user_file.write_text('{"allowed_models": ["openai/gpt-4o-mini"]')

    first, second = settings.load(complain=lambda _: None), settings.load(complain=lambda _: None)

    assert (first.allowed_models, second.allowed_models) == ((), ())


def test_a_file_that_cannot_be_opened_allows_no_model_and_says_so(
    user_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def held(_path: Path) -> bytes:
        raise PermissionError(13, "The process cannot access the file")

    user_file.write_text('{"allowed_models": ["openai/gpt-4o-mini"]}')
    monkeypatch.setattr(paths, "read_file", held)
    complaints: list[str] = []

    loaded = settings.load(complain=complaints.append)

    assert loaded.allowed_models == ()
    assert complaints == [f"The settings file cannot be opened: {user_file}. Until it can, no model is allowed."]
    with pytest.raises(SettingsInvalid, match="cannot be opened"):
        settings.load()


def test_a_damaged_user_file_that_cannot_be_set_aside_does_not_stop_the_program(
    user_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder that can only be read, say; here something else has the new name."""
    user_file.write_text("{")
    monkeypatch.setattr(settings.user_file.time, "time", lambda: 1_763_900_000.5)
    (user_file.parent / "settings.damaged-1763900000.json").mkdir()

    assert settings.load(complain=lambda _: None).port == 11434


def test_a_damaged_user_file_ends_who_complains_to_nobody(user_file: Path) -> None:
    """A server would allow every model from then on, and its owner would hear of it from the bill."""
    user_file.write_text("{")

    with pytest.raises(SettingsInvalid) as refused:
        settings.load()

    assert refused.value.message == (
        f"The settings file is damaged: {user_file}. Mend it, or move it away to begin anew."
    )
    assert [each.read_text() for each in user_file.parent.iterdir()] == ["{"]


def test_a_user_file_of_windows_editor_is_read(user_file: Path) -> None:
    """It puts a mark at the beginning."""
    user_file.write_text('{"port": 1001}', encoding="utf-8-sig")

    assert settings.load().port == 1001


def test_an_env_file_of_windows_editor_is_read(folder: Path) -> None:
    (folder / ".env").write_text("PORT=1001\n", encoding="utf-8-sig")

    assert settings.load().port == 1001


def test_an_env_file_that_is_no_text_is_told(folder: Path) -> None:
    """As older PowerShells write it with `>`."""
    (folder / ".env").write_text("PORT=1001\n", encoding="utf-16")

    assert refusal() == "The file .env in this folder cannot be read. Allowed is text in UTF-8."


def test_what_was_saved_is_loaded(user_file: Path) -> None:
    save(user_file, {"allowed_models": [], "idle_timeout_s": 5.5})

    loaded = settings.load()

    assert (loaded.allowed_models, loaded.idle_timeout_s) == ((), 5.5)


def test_settings_never_change_in_place() -> None:
    loaded = settings.load()

    with pytest.raises(AttributeError, match="immutable"):
        loaded.port = 1


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:11434"),
        ("localhost", "http://localhost:11434"),
        ("::1", "http://[::1]:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("::", "http://127.0.0.1:11434"),
        ("192.168.1.5", "http://192.168.1.5:11434"),
    ],
)
def test_the_url_is_what_people_give_their_apps(host: str, url: str) -> None:
    assert settings.load({"host": host, "insecure": True}).url == url


def test_the_env_example_names_every_setting_with_its_default() -> None:
    """In the settings' own order, each switched off."""
    text = (ROOT / ".env.example").read_text(encoding="utf-8")

    named = dict(re.findall(r"^#([A-Z_]+)=(.*)$", text, re.MULTILINE))

    assert named == {name.upper(): str(default) if default else "" for name, default in DEFAULTS.items()}
    assert list(named) == [name.upper() for name in setting_list.FIELDS]


def test_the_env_example_can_be_used_as_it_stands(folder: Path) -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    (folder / ".env").write_text(re.sub(r"^#(?=[A-Z_]+=)", "", text, flags=re.MULTILINE), encoding="utf-8")

    loaded = settings.load()

    assert structs.asdict(loaded) == {**DEFAULTS, "tray_proxy_home": loaded.tray_proxy_home}


def test_the_filter_example_can_be_used_as_it_stands() -> None:
    """Every line of it allows something, and together they do not allow everything."""
    patterns = filter_lines((ROOT / "models-filter.txt.example").read_text(encoding="utf-8"))
    ids = [model.id for model in models_with_output("all")]

    useless = [line for line in patterns if not any(AllowList([line]).allows(model_id) for model_id in ids)]

    assert useless == []
    assert 0 < sum(AllowList(patterns).allows(model_id) for model_id in ids) < len(ids)


def test_the_env_example_points_to_the_filter_example() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")

    assert "models-filter.txt.example" in text
    assert (ROOT / "models-filter.txt.example").is_file()


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:11500", "127.0.0.1", 11500),
        ("localhost", "localhost", 11434),
        ("[::1]:11500", "::1", 11500),
        ("http://127.0.0.1", "127.0.0.1", 80),
        ("127.0.0.1:99999", "127.0.0.1", 11434),
    ],
)
def test_ollama_host_says_where_to_listen(monkeypatch: pytest.MonkeyPatch, text: str, host: str, port: int) -> None:
    monkeypatch.setenv("OLLAMA_HOST", text)

    chosen = settings.load()

    assert (chosen.host, chosen.port) == (host, port)


def test_ollama_host_counts_in_the_file_env_too(folder: Path) -> None:
    (folder / ".env").write_text("OLLAMA_HOST=127.0.0.1:11500\n")

    assert settings.load().port == 11500


def test_ollama_host_goes_before_the_user_file(user_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user_file.write_text('{"port": 11600}')
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:11500")

    assert settings.load().port == 11500


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_ollama_host_says_nothing(user_file: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    user_file.write_text('{"port": 11600}')
    monkeypatch.setenv("OLLAMA_HOST", text)

    assert settings.load().port == 11600


def test_an_ollama_host_that_moves_ollama_aside_is_none_of_ours(
    user_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever moves the real Ollama sets this very variable; we would take its new place."""
    user_file.write_text('{"local_ollama": "http://127.0.0.1:11435"}')
    monkeypatch.setenv("OLLAMA_HOST", "0.0.0.0:11435")

    loaded = settings.load()

    assert (loaded.port, loaded.local_ollama) == (11434, "http://127.0.0.1:11435")
    assert settings.source_of("port", {}) == "file"


def test_another_ollama_host_still_says_where_to_listen(user_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user_file.write_text('{"local_ollama": "http://127.0.0.1:11435"}')
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:11500")

    assert settings.load().port == 11500
    assert settings.source_of("port", {}) == "OLLAMA_HOST"


def test_our_port_and_that_of_the_real_ollama_differ(user_file: Path) -> None:
    """Else we would ask ourselves, for ever."""
    user_file.write_text('{"local_ollama": "http://127.0.0.1:11435"}')

    assert settings.check({"port": 11435}, {}) == {"port": "Allowed is a port other than that of LOCAL_OLLAMA."}
    assert settings.check({"local_ollama": "http://127.0.0.1:11434"}, {}).keys() == {"local_ollama"}
    assert settings.check({"port": 11436}, {}) == {}


def test_the_user_file_cannot_hold_ollama_host(user_file: Path) -> None:
    """Ours are HOST and PORT."""
    user_file.write_text('{"ollama_host": "127.0.0.1:11500"}')

    assert settings.load().port == 11434


def test_host_and_port_each_go_before_ollama_host(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What OLLAMA_HOST says beside them still counts."""
    monkeypatch.setenv("OLLAMA_HOST", "localhost:11500")
    (folder / ".env").write_text("PORT=11700\n")

    from_file = settings.load()
    from_flag = settings.load({"host": "::1"})

    assert (from_file.host, from_file.port) == ("localhost", 11700)
    assert (from_flag.host, from_flag.port) == ("::1", 11700)


@pytest.mark.parametrize(
    "text", ["0.0.0.0", "0.0.0.0:11434", ":11434", "[::]:11434", "192.168.1.7", "https://ollama.com"]
)
def test_an_ollama_host_that_others_can_reach_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Ollama's users open its port to their network; this one spends money."""
    monkeypatch.setenv("OLLAMA_HOST", text)

    assert refusal() == (
        f"OLLAMA_HOST has a value that is not allowed: {text!r}. {NEEDS_ACCESS_KEY} Or start with --host 127.0.0.1, or "
        "set OLLAMA_HOST to 127.0.0.1."
    )


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("0.0.0.0", "0.0.0.0", 11434), (":11500", "0.0.0.0", 11500), ("[::]:1", "::", 1), ("10.0.0.7", "10.0.0.7", 11434)],
)
def test_with_an_access_key_ollama_host_means_what_it_means_to_ollama(
    text: str, host: str, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", text)
    monkeypatch.setenv("PROXY_API_KEY", ACCESS_KEY)

    loaded = settings.load()

    assert (loaded.host, loaded.port) == (host, port)


def test_a_host_flag_overrides_an_ollama_host_that_others_can_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "0.0.0.0:11500")

    chosen = settings.load({"host": "127.0.0.1"})

    assert (chosen.host, chosen.port) == ("127.0.0.1", 11500)


def test_the_demos_choice_of_models_has_a_file_of_its_own(tmp_path):
    """Made-up models would otherwise hide the real ones, and the other way round."""
    (tmp_path / "home" / "demo").mkdir(parents=True)
    (tmp_path / "home" / "settings.json").write_text('{"port": 1001, "allowed_models": ["real/one"]}')
    (tmp_path / "home" / "demo" / "settings.json").write_text('{"port": 1002, "hidden_models": ["demo/two"]}')

    demo, real = settings.load(demo=True), settings.load()

    assert (demo.port, demo.allowed_models, demo.hidden_models) == (1001, None, ("demo/two",))
    assert (real.port, real.allowed_models, real.hidden_models) == (1001, ("real/one",), ())


def test_a_file_with_a_value_that_is_not_allowed_stops_nobody_who_complains(user_file: Path) -> None:
    """A slip in an editor must not leave a person without the app; the rest of the file counts."""
    content = '{"port": "many", "log_level": "LOUD", "idle_timeout_s": 5}'
    user_file.write_text(content)
    complaints: list[str] = []

    loaded = settings.load(complain=complaints.append)

    assert (loaded.port, loaded.log_level, loaded.idle_timeout_s) == (11434, "INFO", 5)
    assert complaints == [
        "PORT has a value that is not allowed: 'many'. Allowed is a whole number from 1 to 65535.",
        "LOG_LEVEL has a value that is not allowed: 'LOUD'. Allowed is DEBUG, INFO, WARNING or ERROR.",
    ]
    assert user_file.read_text() == content


def test_what_chooses_models_allows_none_where_it_cannot_be_read(user_file: Path, folder: Path) -> None:
    """Every model is the default, and most of them cost money."""
    gone = folder / "models.txt"
    user_file.write_text(json.dumps({"models_filter": str(gone), "allowed_models": "openai/*"}))
    complaints: list[str] = []

    loaded = settings.load(complain=complaints.append)

    assert (loaded.models_filter, loaded.allowed_models) == (gone, ())
    a_file, until_then = "the path of a readable text file", "Until then no model is allowed."
    assert complaints == [
        f"MODELS_FILTER has a value that is not allowed: {str(gone)!r}. Allowed is {a_file}. {until_then}",
        f"ALLOWED_MODELS has a value that is not allowed: 'openai/*'. Allowed is a list of model ids. {until_then}",
    ]


@pytest.mark.parametrize("name", ["same_user_only", "private_providers"])
def test_what_keeps_others_out_does_so_where_it_cannot_be_read(user_file: Path, name: str) -> None:
    user_file.write_text(f'{{"{name}": "yes please"}}')
    complaints: list[str] = []

    loaded = settings.load(complain=complaints.append)

    assert getattr(loaded, name) is True
    assert complaints == [
        f"{name.upper()} has a value that is not allowed: 'yes please'. Allowed is on or off. Until then it is on."
    ]


@pytest.mark.parametrize("given", ["five", -1, [5], None, 1e300, True])
def test_a_days_limit_that_cannot_be_read_is_the_one_it_comes_with(user_file: Path, given: object) -> None:
    user_file.write_text(json.dumps({"daily_limit_usd": given}))
    complaints: list[str] = []

    loaded = settings.load(complain=complaints.append)

    assert loaded.daily_limit_usd == 5.0
    (told,) = complaints
    assert told == (
        f"DAILY_LIMIT_USD has a value that is not allowed: {str(given)!r}. Allowed is a number of dollars, 0 or more. "
        "Until then the limit is 5 dollars a day."
    )


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("zed=1, cline=lots, curl", "zed=1, cline=0, curl=0"),
        ("zed=1;cline=2", "zed=0"),
        ("zed=-1, =3", "zed=0"),
        ("zed=inf", "zed=0"),
        ({"zed": 1}, ""),
    ],
)
def test_of_apps_limits_that_cannot_be_read_the_rest_stays_in_force(user_file: Path, given: object, kept: str) -> None:
    """And who is named without an amount may spend nothing: somebody was to be limited."""
    user_file.write_text(json.dumps({"app_limits_usd": given}))
    complaints: list[str] = []

    loaded = settings.load(complain=complaints.append)

    assert loaded.app_limits_usd == kept
    assert len(complaints) == 1
    assert complaints[0].endswith(" Until then apps named with an amount that cannot be read get free models only.")


def test_a_value_from_elsewhere_is_refused_to_who_complains_too(user_file: Path) -> None:
    user_file.write_text('{"port": 1001}')

    with pytest.raises(SettingsInvalid):
        settings.load({"port": 0}, complain=lambda _: None)


def test_a_damaged_file_is_complained_about(user_file: Path) -> None:
    user_file.write_text("{")
    complaints: list[str] = []

    settings.load(complain=complaints.append)

    assert [re.sub(r"\d+", "N", complaint) for complaint in complaints] == [
        (
            "The settings file could not be read, and lies now beside it as settings.damaged-N.json. "
            "No model is allowed until you choose anew."
        )
    ]


def test_each_value_has_its_source(user_file: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".env").write_text("IDLE_TIMEOUT_S=5\n")
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    monkeypatch.setenv("CONNECT_TIMEOUT_S", "")
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:11500")

    names = ("port", "host", "log_level", "idle_timeout_s", "connect_timeout_s")

    assert {name: settings.source_of(name, {"port": 1001}) for name in names} == {
        "port": "flag",
        "host": "OLLAMA_HOST",
        "log_level": "environment",
        "idle_timeout_s": ".env",
        "connect_timeout_s": "file",
    }


def test_values_are_checked_before_they_are_saved() -> None:
    changes = {"port": 99999, "log_level": "debug", "idle_timeout_s": "x"}

    assert settings.check(changes, {}) == {
        "port": "Allowed is a whole number from 1 to 65535.",
        "idle_timeout_s": "Allowed is a number above 0 and up to 3600.",
    }

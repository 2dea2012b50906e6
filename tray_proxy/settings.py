"""
Every knob of the program.

A field of `Settings` is all there is to add: its flag, environment variable, line in `.env`, place in the
user's settings file and row in the documentation follow from it. Earlier sources win: flag, environment,
`.env`, secret files, `OLLAMA_HOST`, settings file, default. Settings never change in place; saving builds new ones.
"""

import contextlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from tray_proxy import ollama_host, secrecy, setting_values, user_file
from tray_proxy.errors import SettingsInvalid
from tray_proxy.setting_sources import (
    KEYS,
    NO_DOTENV,
    OllamaHostSource,
    SecretFilesSource,
    UserFileSource,
    is_neighbours,
)

type Complain = Callable[[str], None]

DEFAULT_BASE_URL = "https://openrouter.ai/api/v1"


def _knob(
    default: Any, description: str, *, allowed: str, flag: bool = True, stored: bool = True, restart: bool = False
) -> Any:
    """
    Describe one setting.

    Args:
        allowed: What may stand there, completing the sentence "Allowed is …".
        flag: Whether the command line takes it. The key is no flag: process lists are public.
        stored: Whether the user's settings file holds it.
        restart: Whether a change waits for the program's next start.
    """
    return Field(
        default,
        description=description,
        json_schema_extra={"allowed": allowed, "flag": flag, "stored": stored, "restart": restart},
    )


# How pydantic is to call a host that other computers reach, where nothing guards the port.
_UNGUARDED = "unguarded"
# What keeps models out does so all the more where it cannot be read: its default would allow models that cost money.
KEPT_SHUT = "Until then no model is allowed."
_SHUT: dict[str, Callable[[object], object]] = {
    "models_filter": lambda given: Path(str(given)),
    "allowed_models": lambda _: (),
}


class Settings(BaseSettings):
    """All settings, checked. Units stand in the names."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    openrouter_api_key: Annotated[SecretStr, AfterValidator(setting_values.key)] | None = _knob(
        None,
        "Your OpenRouter key. Leave it out to use the one in the system's key store.",
        allowed="a key as OpenRouter shows it, without blanks",
        flag=False,
        stored=False,
    )
    proxy_api_key: Annotated[SecretStr, AfterValidator(setting_values.access_key)] | None = _knob(
        None,
        "An access key of your own making. Where it is set, every app has to send it, as Bearer or x-api-key.",
        allowed="16 plain characters or more without blanks, such as `openssl rand -hex 24` makes, and not your "
        "OpenRouter key",
        flag=False,
        stored=False,
    )
    host: Annotated[str, AfterValidator(setting_values.listen_host)] = _knob(
        "127.0.0.1",
        "The address to listen on. Only this computer reaches a loopback address; the port spends your money, so any "
        "other one needs PROXY_API_KEY, an access key that apps have to send.",
        allowed="a loopback address (127.0.0.1, ::1 or localhost); with PROXY_API_KEY set, any address of this "
        "computer, or 0.0.0.0 for all of them",
    )
    port: Annotated[int, Field(ge=1, le=65535)] = _knob(
        11434,
        "The port to listen on; apps that speak Ollama expect 11434.",
        allowed="a whole number from 1 to 65535",
    )
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(setting_values.upper)] = _knob(
        "INFO", "How much is written to the log.", allowed="DEBUG, INFO, WARNING or ERROR"
    )
    turn_on_at_start: bool = _knob(
        True,
        "Whether the tray turns the proxy on by itself when it starts.",
        allowed="on or off",
    )
    notifications: bool = _knob(
        True,
        "Whether notifications tell you what needs you, such as a key that is refused. The icon and its menu show it "
        "anyway.",
        allowed="on or off",
    )
    check_for_updates: bool = _knob(True, "Whether the tray looks once a day for a newer version.", allowed="on or off")
    models_filter: Annotated[Path, AfterValidator(setting_values.readable_file)] | None = _knob(
        None,
        "A file with one allowed model or pattern per line (# begins a comment). Ticked models choose within it.",
        allowed="the path of a readable text file",
    )
    openrouter_base_url: Annotated[str, AfterValidator(setting_values.base_url)] = _knob(
        DEFAULT_BASE_URL,
        "Where OpenRouter's API is.",
        allowed="an https address, or http on this computer (127.0.0.1, ::1 or localhost)",
        restart=True,
    )
    tray_proxy_home: Annotated[Path, AfterValidator(setting_values.folder)] | None = _knob(
        None,
        "One folder for settings, caches and logs, instead of the system's usual places.",
        allowed="the path of a folder",
        stored=False,
    )
    ollama_origins: Annotated[str, AfterValidator(setting_values.origins)] = _knob(
        "",
        "More web origins that may call the port, separated by commas; each may hold one *. "
        "Ollama's own defaults are always allowed.",
        allowed="origins such as chrome-extension://abc, separated by commas",
    )
    web_permissions: Annotated[dict[str, Any], NoDecode, BeforeValidator(setting_values.from_json)] = _knob(
        {},
        "Web pages and browser extensions that you let call the port, or never again want to be asked about; answered "
        "in the tray menu or on the settings page. Without a tray nobody is asked, and this counts for nothing.",
        allowed="an object with an origin and always or never in each entry",
        flag=False,
    )
    allowed_hosts: Annotated[str, AfterValidator(setting_values.hosts)] = _knob(
        "",
        "More names by which apps may reach the port, separated by commas, such as the one that a reverse proxy passes "
        "on. This computer's own are always allowed, and with PROXY_API_KEY set every name is.",
        allowed="names or addresses without a port, separated by commas",
    )
    ollama_host: str = _knob(
        "",
        "Ollama's own word for where to listen, such as 127.0.0.1:11500. It stands in for HOST and PORT where they are "
        "given by neither flag nor environment.",
        allowed="an address as for HOST, with or without a port",
        flag=False,
        stored=False,
    )
    connect_timeout_s: Annotated[float, Field(gt=0, le=300)] = _knob(
        10.0,
        "How long to wait for a connection to OpenRouter, in seconds.",
        allowed="a number above 0 and up to 300",
    )
    first_byte_timeout_s: Annotated[float, Field(gt=0, le=3600)] = _knob(
        300.0,
        "How long to wait for the first byte of an answer, in seconds; models that think take minutes.",
        allowed="a number above 0 and up to 3600",
    )
    idle_timeout_s: Annotated[float, Field(gt=0, le=3600)] = _knob(
        120.0,
        "How long an answer that has begun may be silent, in seconds.",
        allowed="a number above 0 and up to 3600",
    )
    allowed_models: tuple[str, ...] | None = _knob(
        None,
        "The ticked models, chosen in the tray menu or on the settings page. Not there: every model is allowed.",
        allowed="a list of model ids",
        flag=False,
    )
    hidden_models: Annotated[tuple[str, ...], NoDecode, BeforeValidator(setting_values.from_json)] = _knob(
        (),
        "Models taken out of “every model” one by one; every other one stays allowed, new ones too.",
        allowed="a list of model ids",
        flag=False,
    )
    presets: Annotated[dict[str, Any], NoDecode, BeforeValidator(setting_values.from_json)] = _knob(
        {},
        "Names of your own making: an alias of a model, or a model with a system prompt, parameters and messages.",
        allowed="an object with a name and what it stands for in each entry",
        flag=False,
    )
    manage_models: Annotated[Literal["allow", "deny"], BeforeValidator(setting_values.lower)] = _knob(
        "allow",
        "Whether apps may change the list of models with Ollama's verbs (pull, rm, cp, create), or sign out.",
        allowed="allow or deny",
    )

    library_names: Annotated[Literal["off", "call", "list"], BeforeValidator(setting_values.lower)] = _knob(
        "call",
        "What to do with the names of Ollama's library, such as llama3.1:8b, where OpenRouter serves the same open "
        "model: nothing (off), answer calls by them (call), or show them in the list of models, too (list).",
        allowed="off, call or list",
    )
    local_ollama: Annotated[str, AfterValidator(setting_values.local_ollama)] | None = _knob(
        None,
        "Where a real Ollama on this computer answers, such as http://127.0.0.1:11435. Its models are listed beside "
        "OpenRouter's, and what is asked of them is passed to it.",
        allowed="the address of an Ollama on this computer, such as http://127.0.0.1:11435, and not Tray Proxy's own",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  it takes every setting, and ours the keys alone
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: the first one that has a value wins."""
        return (
            init_settings,
            env_settings,
            dotenv_settings,
            SecretFilesSource(settings_cls),
            OllamaHostSource(settings_cls),
            UserFileSource(settings_cls),
        )

    @property
    def url(self) -> str:
        """The address that people give to their apps on this computer."""
        host = "127.0.0.1" if setting_values.is_every_address(self.host) else self.host
        return f"http://{address(host, self.port)}"

    @property
    def is_wide(self) -> bool:
        """Whether other computers may reach the port."""
        return not setting_values.is_loopback(self.host)


def stored_names() -> tuple[str, ...]:
    """The settings that the user's file may hold."""
    return tuple(name for name in Settings.model_fields if knob(name)["stored"])


def knob(name: str) -> dict[str, Any]:
    """Return what `_knob` noted about a setting: `allowed`, `flag`, `stored`, `restart`."""
    extra = Settings.model_fields[name].json_schema_extra
    return dict(extra) if isinstance(extra, dict) else {}


def address(host: str, port: int) -> str:
    """Join host and port as they stand in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def load(
    flags: Mapping[str, object] | None = None, *, demo: bool = False, complain: Complain | None = None
) -> Settings:
    """
    Read all sources.

    Args:
        flags: Values from the command line, by setting name.
        demo: Whether the choice of models is the one made among the demo's, which has a file of its own.
        complain: Told in a sentence what is wrong with the user's file; its values that are not allowed then count
            as not given, or allow no model where they choose models, and stay in it. None refuses them, and a file
            that is damaged.

    Raises:
        SettingsInvalid: a value is not allowed; the message names setting, value and what is allowed.
    """
    aside: list[Path] = []
    passed_over: dict[str, Any] = {}
    while True:
        set_aside = None if complain is None else aside.append
        about = {"demo": demo, "set_aside": set_aside, "passed_over": tuple(passed_over)}
        try:
            loaded = _built({**(flags or {}), **about})
        except (OSError, UnicodeDecodeError):
            raise SettingsInvalid(NO_DOTENV) from None
        except ValidationError as error:
            first = error.errors()[0]
            name, sentence = str(first["loc"][0]), _sentence(first, flags or {})
            if complain is None or name in passed_over or source_of(name, flags or {}) != "file":
                raise SettingsInvalid(sentence) from None
            passed_over[name] = first["input"]
            complain(f"{sentence} {KEPT_SHUT}" if name in _SHUT else sentence)
        else:
            if complain is not None:
                for path in aside:
                    complain(_lost(path))
                if aside:
                    # Which models were allowed is not known any more.
                    loaded = loaded.model_copy(update={"allowed_models": ()})
            return loaded.model_copy(
                update={name: _SHUT[name](passed_over[name]) for name in _SHUT.keys() & passed_over}
            )


def _built(values: Mapping[str, object]) -> Settings:
    """Build settings from values that go before all other sources; raises `ValidationError`."""
    built = Settings(**values)  # type: ignore[arg-type]  # pydantic checks them
    found = {"proxy_api_key": built.proxy_api_key, "insecure": values.get("insecure")}
    if not setting_values.may_listen(built.host, found):
        why = PydanticCustomError(_UNGUARDED, setting_values.NEEDS_ACCESS_KEY)
        where = InitErrorDetails(type=why, loc=("host",), input=built.host)
        raise ValidationError.from_exception_data(Settings.__name__, [where])
    return built


def _lost(path: Path) -> str:
    if path.name == user_file.NAME:
        return f"The settings file cannot be opened: {path}. Until it can, no model is allowed."
    with contextlib.suppress(SettingsInvalid):
        # The next start would not know that there was a choice.
        user_file.save(path.with_name(user_file.NAME), {"allowed_models": []})
    return (
        f"The settings file could not be read, and lies now beside it as {path.name}. "
        "No model is allowed until you choose anew."
    )


def source_of(name: str, flags: Mapping[str, object]) -> str:
    """Say who gives a setting its value: "flag", "environment", ".env", "OLLAMA_HOST", or "file" (or nobody)."""
    if name in flags:
        return "flag"
    environment = EnvSettingsSource(Settings, env_ignore_empty=True)()
    if name in environment:
        return "environment"
    dotenv = DotEnvSettingsSource(Settings, env_file=".env", env_ignore_empty=True)()
    if name in dotenv:
        return ".env"
    found = {**dotenv, **environment, **flags}
    address = str(found.get("ollama_host") or "")
    if name in ("host", "port") and address and not is_neighbours(ollama_host.parse(address)[1], found, Settings):
        return "OLLAMA_HOST"
    return "file"


def check(changes: Mapping[str, object], flags: Mapping[str, object]) -> dict[str, str]:
    """Check values before they are saved; returns for each that is not allowed what is."""
    try:
        _built({**flags, **changes})
    except ValidationError as error:
        refused = {str(each["loc"][0]): each for each in error.errors() if each["loc"]}
        wrong = {name: _allowed(each) for name, each in refused.items() if name in changes}
        if "port" in changes and "local_ollama" in refused:
            wrong.setdefault("port", "Allowed is a port other than that of LOCAL_OLLAMA.")
        if not wrong and "passed_over" not in flags:
            # What is wrong in the file is none of theirs, and hides that a host is unguarded.
            return check(changes, {**flags, "passed_over": tuple(refused)})
        return wrong
    return {}


def _sentence(refused: ErrorDetails, flags: Mapping[str, object]) -> str:
    name = str(refused["loc"][0])
    label = flag_of(name) if name in flags else name.upper()
    # The keys are the values that must not be repeated on a screen.
    shown = "" if name in KEYS else f": {str(refused['input'])[:200]!r}"
    return f"{label} has a value that is not allowed{shown}. {_allowed(refused)}"


def _allowed(refused: ErrorDetails) -> str:
    return refused["msg"] if refused["type"] == _UNGUARDED else f"Allowed is {knob(str(refused['loc'][0]))['allowed']}."


def flag_of(name: str) -> str:
    """Return a setting's flag."""
    return "--" + name.replace("_", "-")


def hide_keys_from_children() -> None:
    """
    Take the keys out of this process's environment, once they have been read.

    Every program started from here on (browser, file manager, clipboard) would otherwise be handed them.
    """
    for name in [name for name in os.environ if name.lower() in KEYS]:
        secrecy.take_out_of_environment(name)

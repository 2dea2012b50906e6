"""
Every knob of the program.

A field of `Settings` is all there is to add: its flag, environment variable, line in `.env`, place in the user's
settings file and row in the documentation follow from it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from tray_proxy import setting_values
from tray_proxy.knobs import Field, Knob, fields_of
from tray_proxy.secret_str import SecretStr

DEFAULT_BASE_URL = "https://openrouter.ai/api/v1"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings, checked. Units stand in the names."""

    openrouter_api_key: Annotated[
        SecretStr | None,
        Knob(
            "Your OpenRouter key. Leave it out to use the one in the system's key store.",
            allowed="a key as OpenRouter shows it, without blanks",
            flag=False,
            stored=False,
            check=setting_values.key,
        ),
    ] = None
    proxy_api_key: Annotated[
        SecretStr | None,
        Knob(
            "An access key of your own making. Where it is set, every app has to send it, as Bearer or x-api-key.",
            allowed="16 plain characters or more without blanks, such as `openssl rand -hex 24` makes, and not your "
            "OpenRouter key",
            flag=False,
            stored=False,
            check=setting_values.access_key,
        ),
    ] = None
    host: Annotated[
        str,
        Knob(
            "The address to listen on. Only this computer reaches a loopback address; the port spends your money, so "
            "any other one needs PROXY_API_KEY, an access key that apps have to send.",
            allowed="a loopback address (127.0.0.1, ::1 or localhost); with PROXY_API_KEY set, any address of this "
            "computer, or 0.0.0.0 for all of them",
            check=setting_values.listen_host,
        ),
    ] = "127.0.0.1"
    port: Annotated[
        int,
        Meta(ge=1, le=65535),
        Knob("The port to listen on; apps that speak Ollama expect 11434.", allowed="a whole number from 1 to 65535"),
    ] = 11434
    same_user_only: Annotated[
        bool,
        Knob(
            "Whether programs of other users of this computer are refused, root's too, and with them whatever passes "
            "on requests as another user: a reverse proxy, WSL. Other computers are for HOST and PROXY_API_KEY.",
            allowed="on or off",
        ),
    ] = False
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"],
        Knob("How much is written to the log.", allowed="DEBUG, INFO, WARNING or ERROR", before=setting_values.upper),
    ] = "INFO"
    turn_on_at_start: Annotated[
        bool, Knob("Whether the tray turns the proxy on by itself when it starts.", allowed="on or off")
    ] = True
    notifications: Annotated[
        bool,
        Knob(
            "Whether notifications tell you what needs you, such as a key that is refused. The icon and its menu show "
            "it anyway.",
            allowed="on or off",
        ),
    ] = True
    check_for_updates: Annotated[
        bool, Knob("Whether the tray looks once a day for a newer version.", allowed="on or off")
    ] = True
    models_filter: Annotated[
        Path | None,
        Knob(
            "A file with one allowed model or pattern per line (# begins a comment). Ticked models choose within it.",
            allowed="the path of a readable text file",
            check=setting_values.readable_file,
        ),
    ] = None
    openrouter_base_url: Annotated[
        str,
        Knob(
            "Where OpenRouter's API is.",
            allowed="an https address, or http on this computer (127.0.0.1, ::1 or localhost)",
            restart=True,
            check=setting_values.base_url,
        ),
    ] = DEFAULT_BASE_URL
    tray_proxy_home: Annotated[
        Path | None,
        Knob(
            "One folder for settings, caches and logs, instead of the system's usual places.",
            allowed="the path of a folder",
            stored=False,
            check=setting_values.folder,
        ),
    ] = None
    ollama_origins: Annotated[
        str,
        Knob(
            "More web origins that may call the port, separated by commas; each may hold one *. Ollama's own defaults "
            "are always allowed.",
            allowed="origins such as chrome-extension://abc, separated by commas",
            check=setting_values.origins,
        ),
    ] = ""
    web_permissions: Annotated[
        dict[str, Any],
        Knob(
            "Web pages and browser extensions that you let call the port, or never again want to be asked about; "
            "answered in the tray menu or on the settings page. Without a tray nobody is asked, and this counts for "
            "nothing.",
            allowed="an object with an origin and always or never in each entry",
            flag=False,
            before=setting_values.from_json,
        ),
    ] = {}
    allowed_hosts: Annotated[
        str,
        Knob(
            "More names by which apps may reach the port, separated by commas, such as the one that a reverse proxy "
            "passes on. This computer's own are always allowed, and with PROXY_API_KEY set every name is.",
            allowed="names or addresses without a port, separated by commas",
            check=setting_values.hosts,
        ),
    ] = ""
    ollama_host: Annotated[
        str,
        Knob(
            "Ollama's own word for where to listen, such as 127.0.0.1:11500. It stands in for HOST and PORT where they "
            "are given by neither flag nor environment.",
            allowed="an address as for HOST, with or without a port",
            flag=False,
            stored=False,
        ),
    ] = ""
    connect_timeout_s: Annotated[
        float,
        Meta(gt=0, le=300),
        Knob("How long to wait for a connection to OpenRouter, in seconds.", allowed="a number above 0 and up to 300"),
    ] = 10.0
    first_byte_timeout_s: Annotated[
        float,
        Meta(gt=0, le=3600),
        Knob(
            "How long to wait for the first byte of an answer, in seconds; models that think take minutes.",
            allowed="a number above 0 and up to 3600",
        ),
    ] = 300.0
    idle_timeout_s: Annotated[
        float,
        Meta(gt=0, le=3600),
        Knob("How long an answer that has begun may be silent, in seconds.", allowed="a number above 0 and up to 3600"),
    ] = 120.0
    daily_limit_usd: Annotated[
        float,
        Meta(ge=0, le=1_000_000),
        Knob(
            "How much apps may spend a day, all together, in US dollars. Then models that cost are refused until "
            "midnight UTC, when OpenRouter's day ends; free ones still answer. 0 is no limit.",
            allowed="a number of dollars, 0 or more",
        ),
    ] = 5.0
    app_limits_usd: Annotated[
        str,
        Knob(
            "How much single apps may spend a day, in US dollars, by their names on the page Activity and separated by "
            "commas. What an app calls itself is no proof; the limit for all together holds whatever it says.",
            allowed="names with an amount, such as vscode-copilot=1, home-assistant=0.5 (0: free models only)",
            check=setting_values.as_app_limits,
        ),
    ] = ""
    request_limit_usd: Annotated[
        float,
        Meta(ge=0, le=1_000_000),
        Knob(
            "How much one request may cost by estimate, in US dollars, with the longest answer that the app asks for "
            "(max_tokens). Above it is refused. 0 is no limit.",
            allowed="a number of dollars, 0 or more",
        ),
    ] = 0.0
    paid_requests_per_minute: Annotated[
        int,
        Meta(ge=0, le=1_000_000),
        Knob(
            "How many requests that cost may come within a minute: a brake for programs in a loop. 0 is no limit.",
            allowed="a whole number, 0 or more",
        ),
    ] = 300
    allowed_models: Annotated[
        tuple[str, ...] | None,
        Knob(
            "The ticked models, chosen in the tray menu or on the settings page. Not there: every model is allowed.",
            allowed="a list of model ids",
            flag=False,
            before=setting_values.from_json,
        ),
    ] = None
    hidden_models: Annotated[
        tuple[str, ...],
        Knob(
            "Models taken out of “every model” one by one; every other one stays allowed, new ones too.",
            allowed="a list of model ids",
            flag=False,
            before=setting_values.from_json,
        ),
    ] = ()
    presets: Annotated[
        dict[str, Any],
        Knob(
            "Names of your own making: an alias of a model, or a model with a system prompt, parameters and messages.",
            allowed="an object with a name and what it stands for in each entry",
            flag=False,
            before=setting_values.from_json,
        ),
    ] = {}
    manage_models: Annotated[
        Literal["allow", "deny"],
        Knob(
            "Whether apps may change the list of models with Ollama's verbs (pull, rm, cp, create), or sign out.",
            allowed="allow or deny",
            before=setting_values.lower,
        ),
    ] = "allow"
    private_providers: Annotated[
        bool,
        Knob(
            "Whether only providers may answer that keep nothing of what is asked and answered, and train no model on "
            "it. A model that has none of them is refused.",
            allowed="on or off",
        ),
    ] = False
    library_names: Annotated[
        Literal["off", "call", "list"],
        Knob(
            "What to do with the names of Ollama's library, such as llama3.1:8b, where OpenRouter serves the same open "
            "model: nothing (off), answer calls by them (call), or show them in the list of models, too (list).",
            allowed="off, call or list",
            before=setting_values.lower,
        ),
    ] = "call"
    local_ollama: Annotated[
        str | None,
        Knob(
            "Where a real Ollama on this computer answers, such as http://127.0.0.1:11435. Its models are listed "
            "beside OpenRouter's, and what is asked of them is passed to it.",
            allowed="the address of an Ollama on this computer, such as http://127.0.0.1:11435, and not Tray Proxy's "
            "own",
            check=setting_values.local_ollama,
        ),
    ] = None

    def but(self, **changed: Any) -> "Settings":
        """Return the same settings with some changed, unchecked."""
        return msgspec.structs.replace(self, **changed)

    @property
    def url(self) -> str:
        """The address that people give to their apps on this computer."""
        host = "127.0.0.1" if setting_values.is_every_address(self.host) else self.host
        return f"http://{setting_values.address(host, self.port)}"

    @property
    def is_wide(self) -> bool:
        """Whether other computers may reach the port."""
        return not setting_values.is_loopback(self.host)


# Every setting by name, in the order in which people are shown them.
FIELDS: Mapping[str, Field] = fields_of(Settings)

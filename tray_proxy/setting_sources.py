"""
Where settings come from beside flags: the environment, `.env`, secret files, `OLLAMA_HOST`, the user's file.

A source is a function: from what the sources before it have found, and what settings there are, to what it adds.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tray_proxy import ollama_host, paths, secrecy, setting_values, user_file
from tray_proxy.errors import SettingsInvalid
from tray_proxy.knobs import Field, NotAllowed

# What belongs to the models of one upstream: which there are, and who may spend money on them.
OF_MODELS = ("allowed_models", "hidden_models", "presets", "web_permissions")
# What nobody but us may read: taken out of the environment, and given by secret files, too.
KEYS = ("openrouter_api_key", "proxy_api_key")
# Where Docker, Podman and Kubernetes put the secrets of a container, each in a file of its name.
SECRETS = Path("/run/secrets")
NO_DOTENV = "The file .env in this folder cannot be read. Allowed is text in UTF-8."


DOTENV = Path(".env")


def gathered(given: Mapping[str, object], fields: Mapping[str, Field]) -> dict[str, Any]:
    """
    Ask all sources, in their order: who has a value first wins.

    Args:
        given: What goes before all of them.

    Raises:
        SettingsInvalid: a secret file cannot be read, or `OLLAMA_HOST` is refused.
        OSError, UnicodeDecodeError: `.env` cannot be read.
    """
    found = {**dotenv(fields), **environment(fields), **given}
    found = {**secret_files(), **found}
    found = {**_from_ollama_host(found, fields), **found}
    return {**_stored(found, fields), **found}


def source_of(name: str, flags: Mapping[str, object], fields: Mapping[str, Field]) -> str:
    """Say who gives a setting its value: "flag", "environment", ".env", "OLLAMA_HOST", or "file" (or nobody)."""
    if name in flags:
        return "flag"
    given = environment(fields)
    if name in given:
        return "environment"
    written = dotenv(fields)
    if name in written:
        return ".env"
    found = {**written, **given, **flags}
    address = str(found.get("ollama_host") or "")
    if name in ("host", "port") and address and not is_neighbours(ollama_host.parse(address)[1], found, fields):
        return "OLLAMA_HOST"
    return "file"


def environment(fields: Mapping[str, Field]) -> dict[str, Any]:
    """Return the settings that stand in the environment, under names in any case; an empty one is not set."""
    return _named(os.environ, fields)


def dotenv(fields: Mapping[str, Field]) -> dict[str, Any]:
    """
    Return the settings that stand in the file `.env` of the folder that we were started in.

    Raises:
        OSError, UnicodeDecodeError: it is there, and cannot be read.
    """
    if not (DOTENV.is_file() or DOTENV.is_fifo()):
        return {}
    from dotenv import dotenv_values

    return _named(dotenv_values(DOTENV, encoding="utf-8-sig"), fields)


def _named(variables: Mapping[str, str | None], fields: Mapping[str, Field]) -> dict[str, Any]:
    return {name.lower(): value for name, value in variables.items() if value and name.lower() in fields}


def folders(flags: Mapping[str, object], fields: Mapping[str, Field]) -> paths.Folders:
    """
    Find the user's folders, whatever else is wrong with the settings, and touch nothing.

    It is for what ends a copy or removes it: an uninstaller must get its way also where `OLLAMA_HOST` is refused.

    Args:
        flags: Values from the command line, by setting name.

    Raises:
        SettingsInvalid: what names the folder cannot be read.
    """
    home = fields["tray_proxy_home"]
    try:
        found: object = {**dotenv(fields), **environment(fields), **flags}.get(home.name)
    except (OSError, UnicodeDecodeError):
        raise SettingsInvalid(NO_DOTENV) from None
    try:
        folder = home.read(found)
    except NotAllowed:
        raise SettingsInvalid(
            f"TRAY_PROXY_HOME has a value that is not allowed: {str(found)[:200]!r}. Allowed is {home.knob.allowed}."
        ) from None
    return paths.folders(folder if isinstance(folder, Path) else None)


def secret_files() -> dict[str, Any]:
    """
    Return the keys that stand in the files of a container's secrets.

    Raises:
        SettingsInvalid: one cannot be read.
    """
    return {name: secret for name in KEYS if (secret := _secret(name) or _secret(name.upper()))}


def _secret(name: str) -> str:
    path = SECRETS / name
    try:
        return path.read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (OSError, UnicodeDecodeError) as error:
        # Docker Compose hands a file over with the rights that it has outside.
        raise SettingsInvalid(
            f"The secret file {path} cannot be read ({type(error).__name__}). Allowed is a text file that the user "
            "whom Tray Proxy runs as may read."
        ) from None


def _from_ollama_host(found: Mapping[str, Any], fields: Mapping[str, Field]) -> dict[str, Any]:
    """
    Return HOST and PORT as `OLLAMA_HOST` says them; where one is given by a source before this one, that wins.

    Raises:
        SettingsInvalid: other computers could reach the port, and neither a HOST says otherwise, nor is it guarded.
    """
    text = str(found.get("ollama_host") or "")
    if not text.strip():
        return {}
    host, port = ollama_host.parse(text)
    if is_neighbours(port, found, fields):
        return {}
    if "host" not in found and not setting_values.may_listen(host, found):
        # Ollama's users open its port to others, where nothing costs money.
        raise SettingsInvalid(
            f"OLLAMA_HOST has a value that is not allowed: {text[:200]!r}. {setting_values.NEEDS_ACCESS_KEY} "
            "Or start with --host 127.0.0.1, or set OLLAMA_HOST to 127.0.0.1."
        )
    return {"host": host or setting_values.EVERY_ADDRESS, "port": port}


def is_neighbours(port: int, found: Mapping[str, Any], fields: Mapping[str, Field]) -> bool:
    """
    Say whether a port in `OLLAMA_HOST` is that of the real Ollama beside us.

    Whoever moves Ollama does that by this very variable, and we find it in our environment, too.
    """
    beside = found.get("local_ollama") or _stored(found, fields).get("local_ollama")
    return str(beside or "").rstrip("/").endswith(f":{port}")


def _stored(found: Mapping[str, Any], fields: Mapping[str, Field]) -> dict[str, Any]:
    """Return what the user's file holds of our settings; which file that is depends on `TRAY_PROXY_HOME`."""
    try:
        home = fields["tray_proxy_home"].read(found.get("tray_proxy_home"))
    except NotAllowed:
        return {}  # the home is refused by itself, with a sentence
    folders = paths.folders(home if isinstance(home, Path) else None)
    content = user_file.read(folders.settings_file, found.get("set_aside", lambda _: None))
    if found.get("demo"):
        content = {name: value for name, value in content.items() if name not in OF_MODELS}
        content |= {
            name: value for name, value in user_file.read(folders.demo().settings_file).items() if name in OF_MODELS
        }
    kept = {name for name, field in fields.items() if field.knob.stored}.difference(found.get("passed_over", ()))
    return {name: value for name, value in content.items() if name in kept}


def hide_keys_from_children() -> None:
    """
    Take the keys out of this process's environment, once they have been read.

    Every program started from here on (browser, file manager, clipboard) would otherwise be handed them.
    """
    for name in [name for name in os.environ if name.lower() in KEYS]:
        secrecy.take_out_of_environment(name)

"""Where settings come from beside flags, the environment and `.env`: secret files, `OLLAMA_HOST`, the user's file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from tray_proxy import ollama_host, paths, setting_values, user_file
from tray_proxy.errors import SettingsInvalid

# What belongs to the models of one upstream: which there are, and who may spend money on them.
OF_MODELS = ("allowed_models", "hidden_models", "presets", "web_permissions")
# What nobody but us may read: taken out of the environment, and given by secret files, too.
KEYS = ("openrouter_api_key", "proxy_api_key")
# Where Docker, Podman and Kubernetes put the secrets of a container, each in a file of its name.
SECRETS = Path("/run/secrets")
NO_DOTENV = "The file .env in this folder cannot be read. Allowed is text in UTF-8."


class _WholeSource(PydanticBaseSettingsSource):
    """A source that gives all its values at once, from what the sources before it have found."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        """Part of pydantic-settings' interface; gives nothing."""
        return None, field_name, False


class _Home(BaseSettings):
    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore")

    tray_proxy_home: Annotated[Path, AfterValidator(setting_values.folder)] | None = None


def folders(flags: Mapping[str, object]) -> paths.Folders:
    """
    Find the user's folders, whatever else is wrong with the settings, and touch nothing.

    It is for what ends a copy or removes it: an uninstaller must get its way also where `OLLAMA_HOST` is refused.

    Args:
        flags: Values from the command line, by setting name.

    Raises:
        SettingsInvalid: what names the folder cannot be read.
    """
    given = {name: value for name, value in flags.items() if name in _Home.model_fields}
    try:
        return paths.folders(_Home(**given).tray_proxy_home)  # type: ignore[arg-type]  # pydantic checks it
    except (OSError, UnicodeDecodeError):
        raise SettingsInvalid(NO_DOTENV) from None
    except ValidationError as error:
        shown = str(error.errors()[0]["input"])[:200]
        raise SettingsInvalid(
            f"TRAY_PROXY_HOME has a value that is not allowed: {shown!r}. Allowed is the path of a folder."
        ) from None


class SecretFilesSource(_WholeSource):
    """Takes the keys out of the files of a container's secrets."""

    def __call__(self) -> dict[str, Any]:
        """
        Return those that there are.

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


class OllamaHostSource(_WholeSource):
    """Takes HOST and PORT out of `OLLAMA_HOST`."""

    def __call__(self) -> dict[str, Any]:
        """
        Return both; where one is given by a source before this one, that wins.

        Raises:
            SettingsInvalid: other computers could reach the port, and neither a HOST says otherwise, nor is it guarded.
        """
        text = str(self.current_state.get("ollama_host") or "")
        if not text.strip():
            return {}
        host, port = ollama_host.parse(text)
        if is_neighbours(port, self.current_state, self.settings_cls):
            return {}
        if "host" not in self.current_state and not setting_values.may_listen(host, self.current_state):
            # Ollama's users open its port to others, where nothing costs money.
            raise SettingsInvalid(
                f"OLLAMA_HOST has a value that is not allowed: {text[:200]!r}. {setting_values.NEEDS_ACCESS_KEY} "
                "Or start with --host 127.0.0.1, or set OLLAMA_HOST to 127.0.0.1."
            )
        return {"host": host or setting_values.EVERY_ADDRESS, "port": port}


def is_neighbours(port: int, found: Mapping[str, Any], cls: type[BaseSettings]) -> bool:
    """
    Say whether a port in `OLLAMA_HOST` is that of the real Ollama beside us.

    Whoever moves Ollama does that by this very variable, and we find it in our environment, too.
    """
    beside = found.get("local_ollama") or _stored(found, cls).get("local_ollama")
    return str(beside or "").rstrip("/").endswith(f":{port}")


class UserFileSource(_WholeSource):
    """Reads the user's settings file; which one depends on `TRAY_PROXY_HOME` from the sources before it."""

    def __call__(self) -> dict[str, Any]:
        """Return what the file holds of our settings."""
        return _stored(self.current_state, self.settings_cls)


def _stored(found: Mapping[str, Any], cls: type[BaseSettings]) -> dict[str, Any]:
    """Return what the user's file holds of our settings, given what the sources before it have found."""
    home = found.get("tray_proxy_home")
    try:
        folders = paths.folders(setting_values.folder(Path(home)) if home else None)
    except ValueError:
        return {}  # the home is refused by itself, with a sentence
    content = user_file.read(folders.settings_file, found.get("set_aside", lambda _: None))
    if found.get("demo"):
        content = {name: value for name, value in content.items() if name not in OF_MODELS}
        content |= {
            name: value for name, value in user_file.read(folders.demo().settings_file).items() if name in OF_MODELS
        }
    passed_over = found.get("passed_over", ())
    return {
        name: value
        for name, value in content.items()
        if name in cls.model_fields and _is_stored(cls.model_fields[name]) and name not in passed_over
    }


def _is_stored(field: FieldInfo) -> bool:
    extra = field.json_schema_extra
    return isinstance(extra, dict) and bool(extra["stored"])

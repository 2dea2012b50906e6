"""What a run stands on, the demo's apart from the real one's: its folders, its key, the models to choose from."""

from tray_proxy import paths
from tray_proxy.keychain import SERVICE, Keychain, Source
from tray_proxy.secret_str import SecretStr
from tray_proxy.setting_list import Settings
from tray_proxy.translate.names import filter_lines

DEMO_SERVICE = f"{SERVICE} (demo)"


def program_folders(settings: Settings, *, demo: bool) -> paths.Folders:
    """Return the folders of this run; the demo's made-up models and ticks stay apart from the real ones."""
    folders = paths.folders(settings.tray_proxy_home)
    return folders.demo() if demo else folders


def ceiling(settings: Settings) -> tuple[str, ...] | None:
    """
    Return the lines of the file with allowed models; None where no file is named.

    One that cannot be read, as on a disk that is not there just now, admits no model.
    """
    if settings.models_filter is None:
        return None
    try:
        return filter_lines(settings.models_filter.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return ()


def keychain(settings: Settings, *, demo: bool) -> Keychain:
    """Return where the key of this run is."""
    if demo:
        return Keychain(_demo_key(settings), Source.DEMO, service=DEMO_SERVICE)
    return Keychain(settings.openrouter_api_key)


def stored_key(*, demo: bool) -> Keychain:
    """Return where the key lies that the system's key store keeps, whatever key was given besides."""
    return Keychain(service=DEMO_SERVICE if demo else SERVICE)


def with_demo_key(settings: Settings) -> Settings:
    """Give `serve --demo` its key: nobody is there to sign in. One of the demo's special keys may stand in for it."""
    from tray_proxy.demo.keys import DEMO_KEY

    return settings.but(openrouter_api_key=_demo_key(settings) or SecretStr(DEMO_KEY))


def _demo_key(settings: Settings) -> SecretStr | None:
    """Return the key that was given, unless it is a real one: the demo neither needs nor touches that."""
    from tray_proxy.demo.keys import is_of_the_demo  # few runs are the demo's

    given = settings.openrouter_api_key
    return given if given is not None and is_of_the_demo(given.get_secret_value()) else None

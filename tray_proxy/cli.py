"""The command line: `tray-proxy` (with the tray), `serve`, `doctor`, and a flag for each setting but the keys."""

import argparse
import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from tray_proxy import __version__, lean, secrecy, setting_list, setting_sources, settings
from tray_proxy.errors import ProxyError, SettingsInvalid
from tray_proxy.texts import text

EXIT_FAILED = 1
EXIT_USAGE = 2


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say what is wrong without argparse's page of usage, and without the value: it may be a key."""
        what = re.split(r":? ['\"]", message, maxsplit=1)[0]
        complain(f"{what}. `tray-proxy --help` shows what there is.")
        raise SystemExit(EXIT_USAGE)


def complain(text: str) -> None:
    """Tell the person at the terminal; a windowed program has none."""
    if sys.stderr is not None:
        sys.stderr.write(f"tray-proxy: {text}\n")


def say(text: str) -> None:
    """The same, for good news."""
    if sys.stdout is not None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def parser() -> _Parser:
    """Build the parser; the flags follow from the settings."""
    flags = _Parser(add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    flags.add_argument("--quit", action="store_true", help="end the copy that runs, and wait until it is gone")
    flags.add_argument("--forget", action="store_true", help="delete settings, caches, logs and the stored key")
    flags.add_argument("--demo", action="store_true", help="answer with made-up models; no account, no cost")
    flags.add_argument(
        "--insecure", action="store_true", help="answer other computers without an access key (PROXY_API_KEY)"
    )
    for name, field in setting_list.FIELDS.items():
        if field.knob.flag:
            # A "%" would be taken for a placeholder.
            about = f"{field.knob.description} Allowed: {field.knob.allowed}.".replace("%", "%%")
            flags.add_argument(settings.flag_of(name), dest=name, metavar="VALUE", help=about)
    whole = _Parser(
        prog="tray-proxy",
        description="Puts OpenRouter's models behind the Ollama API, with an icon in the tray.",
        parents=[flags],
        allow_abbrev=False,
    )
    whole.add_argument("--version", action="version", version=f"tray-proxy {__version__}")
    words = whole.add_subparsers(dest="word", metavar="{tray,serve,doctor}", parser_class=_Parser)
    tray = words.add_parser(
        "tray", parents=[flags], allow_abbrev=False, help="run with the tray icon (what happens anyway)"
    )
    for with_tray in (whole, tray):
        with_tray.add_argument(
            "--background",
            action="store_true",
            default=argparse.SUPPRESS,
            help="show the icon and no page, as at login",
        )
    words.add_parser("serve", parents=[flags], allow_abbrev=False, help="run without a tray, for a server")
    words.add_parser(
        "doctor", parents=[flags], allow_abbrev=False, help="check everything, and say what to do; 0 if all is well"
    )
    return whole


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the program.

    Returns:
        The exit status: 0 after a clean end, 1 if it could not run, 2 for a wrong command line or setting.
    """
    _fill_closed_streams()
    if arguments is None:
        # As a program, and not inside another one, whose own these are.
        secrecy.keep()
    words = sys.argv[1:] if arguments is None else arguments
    if any(word.startswith("-") and "key" in word.partition("=")[0].lower() for word in words):
        complain(
            "a key is not taken from the command line, where everyone on this computer can see it. "
            "Set OPENROUTER_API_KEY, or paste that key on the settings page; set PROXY_API_KEY for the access key."
        )
        return EXIT_USAGE
    given, unknown = parser().parse_known_args(words)
    if unknown:
        # Only an option's name is repeated: anything else may be a key.
        name = unknown[0].partition("=")[0]
        shown = name if re.fullmatch(r"--[a-z-]+", name) else "like that"
        complain(f"there is no option {shown}. `tray-proxy --help` shows what there is.")
        return EXIT_USAGE
    chosen = vars(given)
    word, demo = chosen.pop("word", None), chosen.pop("demo", False)
    background = chosen.pop("background", False)
    complaints: list[str] = []
    try:
        if chosen.pop("quit", False):
            return _quit(chosen, demo=demo)
        if chosen.pop("forget", False):
            return _forget(chosen, demo=demo)
        # Late: `--version` and a wrong flag need none of it.
        with lean.without("greenlet", "httpx._main", "pygments", "rich", "watchfiles"), lean.emptied("uvicorn.main"):
            from tray_proxy import wiring

        # A server ends where its settings are wrong, and somebody corrects them; a person must get to the page.
        loaded = settings.load(chosen, demo=demo, complain=None if word == "serve" else complaints.append)
        setting_sources.hide_keys_from_children()
        # Whoever reads the settings anew does not find it in the environment any more.
        chosen["proxy_api_key"] = loaded.proxy_api_key
        if word == "doctor":
            for complaint in complaints:
                complain(complaint)
            return 0 if wiring.check(loaded, demo=demo, say=say) else EXIT_FAILED
        if word == "serve":
            wiring.serve(loaded, demo=demo, say=say, given=chosen)
        else:
            wiring.run_tray(loaded, demo=demo, say=say, given=chosen, complaints=complaints, background=background)
    except SettingsInvalid as error:
        complain(error.message)
        return EXIT_USAGE
    except ProxyError as error:
        complain(f"{error.message} {error.hint}")
        return EXIT_FAILED
    return 0


def _fill_closed_streams() -> None:
    """Where it was started without one of the three, what is opened next would be in its place: a socket, say."""
    if sys.platform != "win32":
        for number in range(3):
            try:
                os.fstat(number)
            except OSError:
                os.open(os.devnull, os.O_RDWR)  # the lowest number that is free


def _quit(chosen: Mapping[str, object], *, demo: bool) -> int:
    from tray_proxy import instance

    home = setting_sources.folders(chosen, setting_list.FIELDS)
    ended = instance.end((home.demo() if demo else home).settings)
    say(text("instance.ended" if ended else "instance.not-running"))
    return 0


def _forget(chosen: Mapping[str, object], *, demo: bool) -> int:
    from tray_proxy import basis, forget

    home = setting_sources.folders(chosen, setting_list.FIELDS)
    # The demo is by itself; what is real takes the demo along, whose folders lie in its own.
    real = [] if demo else [(home, basis.stored_key(demo=False))]
    forget.forget([(home.demo(), basis.stored_key(demo=True)), *real])
    say(text("forget.done"))
    return 0

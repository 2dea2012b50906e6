"""Every setting on the page, with its help; checked, saved and put in force."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from tray_proxy import settings, user_file
from tray_proxy.knobs import Field
from tray_proxy.setting_list import FIELDS, Settings
from tray_proxy.setting_sources import OF_MODELS
from tray_proxy.texts import text
from tray_proxy.web.http import FormInvalid, Request, Response, Route, read, reply

# What the page shows elsewhere: the models, and the owner's own names.
ELSEWHERE = OF_MODELS

GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("connection", ("port", "host", "allowed_hosts", "ollama_origins", "same_user_only", "local_ollama")),
    ("models", ("private_providers", "manage_models", "library_names", "models_filter")),
    ("spending", ("daily_limit_usd", "app_limits_usd", "request_limit_usd", "paid_requests_per_minute")),
    ("patience", ("connect_timeout_s", "first_byte_timeout_s", "idle_timeout_s")),
    ("program", ("turn_on_at_start", "notifications", "check_for_updates", "log_level", "openrouter_base_url")),
)


class SettingField(msgspec.Struct, frozen=True, kw_only=True):
    """
    One setting.

    `kind` is "text", "number", "choice", "switch" or "path"; `unit` stands behind a number. `source` is "default",
    "file", "flag", "environment", ".env" or "OLLAMA_HOST"; `fixed` is what cannot be changed here because it was given
    from outside; `restart` is what comes into force when the program starts again; `note` is what is to be known of it
    in this copy.
    """

    name: str
    label: str
    help: str
    allowed: str
    kind: str
    value: Any
    default: Any
    source: str
    fixed: bool
    restart: bool
    unit: str | None = None
    choices: tuple[str, ...] | None = None
    min: float | None = None
    max: float | None = None
    note: str | None = None


class SettingGroup(msgspec.Struct, frozen=True):
    """Settings that belong together."""

    title: str
    fields: tuple[SettingField, ...]


class SettingsState(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of the page; `pending_restart` says whether one that was saved waits for the next start."""

    file: str
    groups: tuple[SettingGroup, ...]
    pending_restart: bool


class _Changes(msgspec.Struct, frozen=True):
    changes: dict[str, Any]


@dataclass
class SettingsDesk:
    """
    What the page does with settings.

    Args:
        current: Gives the settings in force.
        given: Values from the command line, by setting name.
        file: The user's settings file.
        apply: Puts new settings in force.
        given_up: What is done where the owner gives up a setting, before that is in force; by its name.
        notes: What is to be known of a setting in this copy, by its name.
    """

    current: Callable[[], Settings]
    given: Mapping[str, object]
    file: Path
    apply: Callable[[Settings], Awaitable[None]]
    given_up: Mapping[str, Callable[[], None]]
    notes: Mapping[str, str] = field(default_factory=dict)
    _waiting: set[str] = field(default_factory=set)

    def state(self) -> SettingsState:
        """Tell every setting, its value and where that is from."""
        stored = user_file.read(self.file)
        groups = tuple(
            SettingGroup(text(f"setting.group.{group}"), tuple(self._field(name, stored) for name in names))
            for group, names in GROUPS
        )
        return SettingsState(file=str(self.file), groups=groups, pending_restart=bool(self._waiting))

    async def save(self, changes: Mapping[str, Any]) -> bool:
        """
        Check changes, save them and put them in force; None sets a value back to its default.

        Returns:
            Whether one of them waits for the next start.

        Raises:
            FormInvalid: by field; nothing has changed.
            SettingsNotSaved: the file cannot be written; nothing has changed.
        """
        wrong = {name: reason for name in changes if (reason := self._refusal(name))}
        # A default is checked, too: it may not go together with another setting.
        wrong |= settings.check(
            {
                name: FIELDS[name].default if value is None else value
                for name, value in changes.items()
                if name not in wrong
            },
            self.given,
        )
        if wrong:
            raise FormInvalid(wrong)
        user_file.save(self.file, changes)
        for name, given_up in self.given_up.items():
            # Not where a value is lost in another way: by a slip in the file, say.
            if name in changes and changes[name] is None:
                given_up()
        self._waiting |= {name for name in changes if FIELDS[name].knob.restart}
        await self.apply(settings.load(self.given, complain=lambda _: None))
        return bool(self._waiting & changes.keys())

    def _refusal(self, name: str) -> str | None:
        if name not in settings.stored_names() or name in ELSEWHERE:
            return text("setting.unknown")
        source = settings.source_of(name, self.given)
        return None if source == "file" else text("setting.fixed", source=source)

    def _field(self, name: str, stored: Mapping[str, Any]) -> SettingField:
        field = FIELDS[name]
        source = settings.source_of(name, self.given)
        fixed = source != "file"
        value = _plain(getattr(self.current(), name))
        if field.knob.restart and not fixed and name in stored:
            value = stored[name]  # saved, and not yet in force
        return SettingField(
            name=name,
            label=text(f"setting.label.{name}"),
            help=field.knob.description,
            allowed=field.knob.allowed,
            value=value,
            default=_plain(field.default),
            source=source if fixed else "file" if name in stored else "default",
            fixed=fixed,
            restart=field.knob.restart,
            unit=_unit(field),
            note=self.notes.get(name),
            **_form(field),
        )


def _unit(field: Field) -> str | None:
    """Say what stands behind a number."""
    if field.kind not in (int, float):
        return None
    ending = field.name.rpartition("_")[2]
    return text(f"setting.unit.{ending}") if ending in ("s", "usd") else None


def _form(field: Field) -> dict[str, Any]:
    """Say how a setting is asked for, from its type."""
    if field.choices:
        return {"kind": "choice", "choices": field.choices}
    if field.kind is bool:
        return {"kind": "switch"}
    if field.kind in (int, float):
        return {"kind": "number", "min": field.least, "max": field.most}
    return {"kind": "path" if field.kind is Path else "text"}


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


def routes(desk: SettingsDesk) -> list[Route]:
    """Return what the page asks for about settings."""

    async def state(_request: Request) -> Response:
        return reply(desk.state())

    async def save(request: Request) -> Response:
        restart = await desk.save((await read(request, _Changes)).changes)
        return reply({"message": text("setting.saved-later" if restart else "setting.saved"), "restart": restart})

    return [Route("/api/settings", state), Route("/api/settings", save, methods=["POST"])]

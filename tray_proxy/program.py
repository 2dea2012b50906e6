"""The parts that live as long as the process, built and connected: what the tray and `serve` share."""

import asyncio
import contextlib
import platform
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog

from tray_proxy import __version__, autostart, logs, memory, paths, redaction
from tray_proxy.activity import Activity
from tray_proxy.basis import ceiling, keychain, program_folders
from tray_proxy.catalogue import FILE_NAME as CATALOGUE_FILE
from tray_proxy.catalogue import Catalogue, CatalogueCache
from tray_proxy.errors import KeychainUnavailable, KeyMissing
from tray_proxy.keychain import Source
from tray_proxy.ledger import FILE_NAME as SPENDING_FILE
from tray_proxy.listener import Asgi, free_port_near
from tray_proxy.neighbour.memory import LocalNames
from tray_proxy.neighbour.models import FILE_NAME, beside, remembered
from tray_proxy.network import Network, Troubles
from tray_proxy.openrouter.client import OpenRouterClient
from tray_proxy.openrouter.connections import Connection
from tray_proxy.openrouter.sign_in import SignIn, key_label, site_of
from tray_proxy.origins import Visitor
from tray_proxy.page import Page
from tray_proxy.permissions import Permissions
from tray_proxy.presets import Presets
from tray_proxy.proxy import Proxy
from tray_proxy.reach import elsewhere
from tray_proxy.releases import Source as ReleaseSource
from tray_proxy.selection import Selection
from tray_proxy.server.app import create_app
from tray_proxy.server.exchange import Deps
from tray_proxy.server.in_flight import InFlight
from tray_proxy.setting_list import Settings
from tray_proxy.setting_sources import KEYS
from tray_proxy.spending import Spending
from tray_proxy.texts import text
from tray_proxy.translate.names import AllowList
from tray_proxy.tray import opener
from tray_proxy.tray.state import (
    AutostartChanged,
    Event,
    KeyChanged,
    ModelsChanged,
    ModelTick,
    NameTick,
    NotificationsSwitched,
    Recovered,
    StartClicked,
    StopClicked,
    TrafficChanged,
    VersionFound,
    VisitorsChanged,
)
from tray_proxy.updates import FILE_NAME as UPDATES_FILE
from tray_proxy.updates import Updates
from tray_proxy.web import (
    activity_api,
    apps_api,
    autostart_api,
    key_api,
    models_api,
    notices_api,
    port_api,
    settings_api,
    sign_in_api,
    state_api,
    try_api,
    updates_api,
    visitors_api,
)
from tray_proxy.web.events import Events
from tray_proxy.web.http import Route

log = structlog.get_logger(__name__)


class Program:
    """
    The parts that live as long as the process. To be made and used in the event loop.

    Args:
        post: Where news for the tray goes; None for `serve`, where nobody is asked who may call either.
        given: Values from the command line, by setting name.
        complaints: What was wrong with the settings file, in sentences.
        control: What another start of the program may ask, on the page's port.
        releases: Where newer versions are looked for; the demo looks for none, nor does `serve`, which has None.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        demo: bool,
        post: Callable[[Event], None] | None = None,
        given: Mapping[str, object] | None = None,
        complaints: Sequence[str] = (),
        control: Sequence[Route] = (),
        releases: ReleaseSource | None = None,
    ) -> None:
        folders = program_folders(settings, demo=demo)
        within = ceiling(settings)
        self._post = post or (lambda _: None)
        self.proxy = Proxy(lambda: self.settings, self._serve, self._post, changed=lambda: self.events.tell("state"))
        self.events = Events()
        self._tasks: set[asyncio.Task[None]] = set()
        self.settings = settings
        self.keychain = keychain(settings, demo=demo)
        self.keychain.changed = self._key_changed
        self.client = OpenRouterClient(settings, self.keychain, changed=self._connection_changed)
        self.cache = CatalogueCache(
            self.client,
            folders.cache / CATALOGUE_FILE,
            settings.openrouter_base_url,
            AllowList(within, settings.allowed_models, settings.hidden_models),
            library=settings.library_names,
            changed=self._models_changed,
        )
        self.network = Network(self.cache, self._post, changed=lambda: self.events.tell("state"))
        self.troubles = Troubles(self.network, self._post, changed=lambda: self.events.tell("state"))
        self.spending = Spending(
            settings,
            folders.settings / SPENDING_FILE,
            lambda: self.client.time_s,
            self._post,
            changed=lambda: self.events.tell("activity", "state"),
        )
        complaints = (*complaints, *self.spending.load(folders.logs / logs.FILE_NAME, demo=demo))
        file = folders.settings_file
        self.selection = Selection(self.cache, within, settings.allowed_models, file, settings.hidden_models)
        self.presets = Presets(self.cache, settings.presets, file)
        permissions = Permissions(settings.web_permissions, file, self._visitors_changed)
        self.visitors_desk = visitors_api.VisitorsDesk(permissions)
        self._asked = permissions if post is not None else None
        self.key_desk = key_api.KeyDesk(
            self.client, self.keychain, site_of(settings.openrouter_base_url), self._key_changed
        )
        self.sign_in_desk = sign_in_api.SignInDesk(
            self.client,
            SignIn(settings.openrouter_base_url, key_label(platform.node()), time.monotonic),
            self.key_desk,
            changed=lambda: self.events.tell("state"),
        )
        self.models_desk = models_api.ModelsDesk(
            self.cache, self.selection, self.presets, lambda: self.settings.models_filter, time.time, self._is_local
        )
        self.settings_desk = settings_api.SettingsDesk(
            lambda: self.settings,
            given or {},
            paths.folders(settings.tray_proxy_home).settings_file,
            self.apply,
            {"local_ollama": self._forget_local_names},
            updates_api.notes(releases, demo=demo),
        )
        self.updates = Updates(None if demo else releases, folders.cache / UPDATES_FILE, self._version_found)
        at_login = autostart.of_system(autostart.command(settings.tray_proxy_home, demo=demo))
        self.autostart_desk = autostart_api.AutostartDesk(at_login, self._autostart_changed)
        self.port_desk = port_api.PortDesk(
            current=lambda: self.settings,
            running=lambda: self.proxy.running,
            problem=lambda: self.proxy.problem,
            save=self.settings_desk.save,
            watch=self.proxy.watch,
            free_port_near=free_port_near,
            changed=lambda: self.events.tell("state"),
        )
        if settings.proxy_api_key is not None:
            redaction.keep_out(settings.proxy_api_key.get_secret_value())
        self._told_autostart: bool | None = None
        unguarded = (text("page.insecure"),) if settings.is_wide and settings.proxy_api_key is None else ()
        self.notices = state_api.Notices((*complaints, *unguarded), changed=lambda: self.events.tell("state"))
        self.demo = demo
        self.activity = Activity(lambda: self.events.tell("activity", "apps"))
        self.apps_desk = apps_api.AppsDesk(self.activity, self.cache, lambda: self.settings, time.time)
        self.activity_desk = activity_api.ActivityDesk(
            self.activity,
            self.page_state,
            self.spending.budget,
            lambda: self.settings,
            folders.logs / logs.FILE_NAME,
            opener.open_folder,
        )
        self.page = Page([*self._page_routes(), *control], self.events)
        self.deps = Deps(
            settings,
            self.client,
            self.keychain,
            self.cache,
            self.selection,
            self.presets,
            self._new_in_flight(),
            self.page.address,
            demo,
            local=beside(settings.local_ollama, folders.cache),
            once_local=remembered(settings.local_ollama, folders.cache),
            activity=self.activity,
            budget=self.spending.budget,
        )

    def begin(self) -> None:
        """Load what was saved of models and told of apps, begin to refresh and to look for the key; returns at once."""
        self._tell_autostart(self.autostart_desk.state())
        self.cache.load_copy()
        self.activity.fill(self.activity_desk.log_file, demo=self.demo)
        self._in_background(self.cache.keep_fresh())
        self._in_background(self._look_for_key())
        self.spending.budget.look()
        self.updates.use(on=self.settings.check_for_updates)

    async def apply(self, settings: Settings) -> None:
        """
        Put changed settings in force, and open the port anew where that is what has changed.

        Raises:
            PortInUse: the new port is held by someone; the proxy is then off.
        """
        # What was given at the start, or belongs to the demo, stays until the end.
        kept = (*KEYS, "openrouter_base_url", "tray_proxy_home")
        before = self.settings
        self.settings = settings.but(**{name: getattr(before, name) for name in kept})
        self.deps = replace(self.deps, settings=self.settings)
        self.client.use(self.settings)
        logs.set_level(self.settings.log_level)
        self.cache.use_library(self.settings.library_names)
        self.selection.limit(ceiling(self.settings))
        if self.settings.local_ollama != before.local_ollama:
            self._use_ollama_beside(self.settings.local_ollama)
        self.spending.use(self.settings)
        self._post(NotificationsSwitched(self.settings.notifications))
        self.updates.use(on=self.settings.check_for_updates)
        self.events.tell("settings", "apps", "state")
        await self.proxy.follow(before)

    def _use_ollama_beside(self, url: str | None) -> None:
        cache = program_folders(self.settings, demo=self.demo).cache
        self.deps = replace(self.deps, local=beside(url, cache), once_local=remembered(url, cache))

    def _is_local(self, name: str) -> bool:
        names = self.deps.once_local if self.deps.local is None else self.deps.local.names
        return names is not None and names.knows(name)

    def _forget_local_names(self) -> None:
        """Free the names of local models for the cloud's: the owner has said that Ollama is not used any more."""
        LocalNames(program_folders(self.settings, demo=self.demo).cache / FILE_NAME).forget_all()
        self.deps = replace(self.deps, once_local=None)

    async def woke(self) -> None:
        """Begin anew after the computer's sleep: connections are dead, lists old, and pages may have missed news."""
        log.info("woke from sleep")
        self.client.drop_connections()
        self.cache.nudge()
        self.spending.budget.look()
        self.updates.nudge()
        self.events.tell("state")

    async def end(self) -> None:
        """Close everything."""
        self.updates.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(self.proxy.stop(), self.page.close(), *self._tasks, return_exceptions=True)
        await self.spending.close()
        await self.client.close()

    def _page_routes(self) -> list[Route]:
        def turn(on: bool) -> None:
            self._post(StartClicked() if on else StopClicked())

        return [
            *state_api.routes(self.page_state, turn, self.notices),
            *key_api.routes(self.key_desk),
            *sign_in_api.routes(self.sign_in_desk),
            *models_api.routes(self.models_desk),
            *visitors_api.routes(self.visitors_desk),
            *autostart_api.routes(self.autostart_desk),
            *settings_api.routes(self.settings_desk),
            *apps_api.routes(self.apps_desk),
            *activity_api.routes(self.activity_desk),
            *port_api.routes(self.port_desk),
            *updates_api.routes(self.updates),
            *notices_api.routes(),
            *try_api.routes(try_api.TryDesk(self.cache, lambda: create_app(lambda: self.deps, for_ourselves=True))),
        ]

    def page_state(self) -> state_api.PageState:
        """Tell what every part of the page shows."""
        running, at_login = self.proxy.running, self.autostart_desk.state()
        # Whoever looks at the page sees what the system's own list says, and the tray is to say the same.
        self._tell_autostart(at_login)
        problem = self.proxy.problem or self.network.trouble or (self.troubles.present if running else None)
        problem = problem or (self.spending.trouble if running else None)
        models = state_api.count(self.cache.snapshot, self.cache.age_s)
        phase, status = state_api.standing(
            running=running,
            opening=self.proxy.opening,
            closing=self.proxy.closing,
            in_trouble=problem is not None,
            needs_key=not self.keychain.present and self.keychain.problem is None,
            models=models,
            address=self.settings.url,
            elsewhere=elsewhere(self.settings),
        )
        return state_api.PageState(
            version=__version__,
            demo=self.demo,
            system=sys.platform,
            phase=phase,
            running=running,
            status=status,
            address=self.settings.url,
            problem=None if problem is None else state_api.Trouble(problem.message, problem.hint),
            key=self.key_desk.state(),
            sign_in=self.sign_in_desk.state(),
            models=models,
            visitors=len(self.visitors_desk.permissions.waiting),
            answered=self.activity.answered,
            autostart=at_login,
            port=self.port_desk.state(),
            notices=self.notices.shown,
            new_version=updates_api.new_version(self.updates),
        )

    def _serve(self) -> tuple[Asgi, Callable[[float], Awaitable[None]]]:
        in_flight = self._new_in_flight()
        self.deps = replace(self.deps, in_flight=in_flight)
        self.troubles.tell_again()
        return create_app(lambda: self.deps, permissions=self._asked), in_flight.stop

    def _new_in_flight(self) -> InFlight:
        return InFlight(
            changed=lambda count: self._post(TrafficChanged(count)),
            troubled=self.troubles.tell,
            recovered=self.troubles.recovered,
        )

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _look_for_key(self) -> None:
        try:
            with contextlib.suppress(KeyMissing):
                await self.keychain.key()
                self.client.expect()
            self._key_changed()
        except KeychainUnavailable as error:
            # It may be there: "no key" would be the wrong thing to say.
            self.troubles.tell(error)

    def _key_changed(self) -> None:
        self.troubles.present = None
        untried = self.keychain.source is Source.KEYRING and not self.activity.answered
        self._post(KeyChanged(missing=not self.keychain.present, untried=untried))
        self._post(Recovered())
        self.network.tell_again()
        self.events.tell("state")

    def _models_changed(self, catalogue: Catalogue) -> None:
        models = tuple(ModelTick(model_id, allowed) for model_id, allowed in self.selection.menu(catalogue))
        names = tuple(NameTick(own.name, own.preset.model, own.kept) for own in self.presets.menu())
        self._post(ModelsChanged(models, names, none_allowed=bool(catalogue.entries) and not catalogue.allowed))
        self.events.tell("models", "apps", "state")
        asyncio.get_running_loop().call_later(memory.AFTER_S, memory.give_back)

    def _visitors_changed(self, new: Visitor | None) -> None:
        self._post(VisitorsChanged(self.visitors_desk.permissions.waiting, new))
        self.events.tell("visitors", "state")

    def _connection_changed(self, connection: Connection) -> None:
        self.network.told(connection)
        if self.network.trouble is None:
            self.troubles.tell_again()

    def _version_found(self) -> None:
        newer = self.updates.newer
        self._post(VersionFound(newer.version if newer else "", untold=self.updates.tell_once()))
        self.events.tell("state")

    def _autostart_changed(self, state: autostart.AutostartState) -> None:
        self._tell_autostart(state)
        self.events.tell("state")

    def _tell_autostart(self, state: autostart.AutostartState) -> None:
        """Tell the tray, whose tick is drawn before anybody looks at it, what the system says."""
        if state.enabled != self._told_autostart:
            self._told_autostart = state.enabled
            self._post(AutostartChanged(state.enabled))

"""The two ways to run the program: with the tray, and as `serve`. Here the ends are tied together."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from tray_proxy import instance, logs, memory, paths, releases
from tray_proxy.basis import program_folders, with_demo_key
from tray_proxy.errors import ProxyError
from tray_proxy.instance import AlreadyRuns, Instance, NotRunning
from tray_proxy.listener import Listener, LoopThread, bind, new_loop
from tray_proxy.program import Program
from tray_proxy.reach import elsewhere, shown
from tray_proxy.setting_list import Settings
from tray_proxy.spending import spent_today
from tray_proxy.texts import text
from tray_proxy.tray import opener
from tray_proxy.tray.state import (
    ActionFailed,
    Event,
    ListenerFailed,
    ListenerStarted,
    ListenerStopped,
    QuitClicked,
    SettingsClicked,
    StartClicked,
    Status,
)
from tray_proxy.web import control_api, doctor_api
from tray_proxy.web.http import Route

if TYPE_CHECKING:
    from tray_proxy.doctor import Report
    from tray_proxy.tray.shell import TrayShell

END_TIMEOUT_S = 4.0
# Answers under way get their time, and clients that do not read theirs.
CLOSE_TIMEOUT_S = 8.0

log = structlog.get_logger(__name__)


class NoDisplay(ProxyError):
    """There is no screen to show a tray on, or what draws one on it is not installed."""

    hint = text("tray.no-display-hint")

    def __init__(self) -> None:
        super().__init__(text("tray.no-display"))


class LoopDied(ProxyError):
    """What all work is done in has broken down for good; the icon is all that is left."""

    hint = text("tray.loop-died-hint")

    def __init__(self, error: BaseException) -> None:
        super().__init__(text("tray.loop-died", reason=type(error).__name__))


def serve(
    settings: Settings, *, demo: bool, say: Callable[[str], None], given: Mapping[str, object] | None = None
) -> None:
    """
    Run without a tray until Ctrl-C or SIGTERM.

    Args:
        say: Tells the person at the terminal something; where there is none, the log is told.
        given: Values from the command line, by setting name.

    Raises:
        AlreadyRuns: another copy runs on the same folders.
        PortInUse: the port is held by someone.
    """
    folders = program_folders(settings, demo=demo)
    this = Instance.acquire(folders.settings)
    if this is None:
        raise AlreadyRuns(folders.settings)
    try:
        folders.keep_private()
        if logs.set_up(folders.logs, settings.log_level, echo=True) is None:
            log.warning("the log file cannot be written: the log is told here alone", folder=str(folders.logs))
        told = say if logs.is_read_by_people() else log.info
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(_serve(settings, this, demo=demo, say=told, given=given))
    finally:
        this.release()


async def _serve(settings: Settings, this: Instance, *, demo: bool, say: Callable[[str], None], **more: Any) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Not loop.add_signal_handler: Windows has none.
        signal.signal(number, lambda _number, _frame: loop.call_soon_threadsafe(ended.set))
    control = control_api.routes(lambda: text("instance.headless", address=settings.url), ended.set)
    chosen = with_demo_key(settings) if demo else settings
    program, upstream = await _open(chosen, demo=demo, control=control, **more)
    try:
        await program.proxy.start()
        await _set_going(program, this)
        say(text("instance.serves-demo" if demo else "instance.serves", url=settings.url))
        if (wide := elsewhere(settings)) is not None:
            say(text("instance.serves-others", url=wide))
        await ended.wait()
    finally:
        await _close(program, upstream)


class TrayActions:
    """What clicks in the tray do: each hands over to the event loop, and posts what came of it."""

    def __init__(self, loop: LoopThread, program: Program, logs_folder: Path, post: Callable[[Event], None]) -> None:
        self._loop = loop
        self._program = program
        self._logs_folder = logs_folder
        self._post = post

    def start_listener(self) -> None:
        """Open the port."""
        self._submit(self._program.proxy.start(), ListenerStarted, ListenerFailed)

    def stop_listener(self) -> None:
        """Close the port."""
        self._submit(self._program.proxy.stop(), lambda _: ListenerStopped(), ListenerFailed)

    def open_settings(self, section: str) -> None:
        """Show the settings page in the browser."""
        opener.open_address(self._loop.submit(self._program.page.url(section)).result(END_TIMEOUT_S))

    def open_logs(self) -> None:
        """Show the folder of the logs."""
        opener.open_folder(paths.ensure(self._logs_folder))

    def open_download(self) -> None:
        """Show where the newer version is, in the browser."""
        if self._program.updates.source is not None:
            opener.open_address(self._program.updates.source.page)

    def set_model_allowed(self, model_id: str, allowed: bool) -> None:
        """Tick or untick a model; the new list comes back as news."""
        self._submit(self._program.models_desk.allow_one(model_id, allowed=allowed), None, ActionFailed)

    def set_name_kept(self, name: str, kept: bool) -> None:
        """Remove a name of the owner's making, or restore it; the new list comes back as news."""
        self._submit(self._program.models_desk.keep_name(name, kept=kept), None, ActionFailed)

    def answer_visitor(self, origin: str, allowed: bool) -> None:
        """Let a web page or a browser extension call from now on, or never; who waits then comes back as news."""
        self._submit(self._program.visitors_desk.answer(origin, allowed), None, ActionFailed)

    def set_autostart(self, on: bool) -> None:
        """Have the system start us at login, or no more; what it then says comes back as news."""
        self._submit(self._program.autostart_desk.switch(on), None, ActionFailed)

    def drop_connections(self) -> None:
        """Let go of the connections to OpenRouter."""
        self._submit(self._program.woke(), None, ActionFailed)

    def _submit[T](
        self,
        work: Coroutine[Any, Any, T],
        succeeded: Callable[[T], Event] | None,
        failed: Callable[[ProxyError], Event],
    ) -> None:
        def done(future: "Future[T]") -> None:
            error = future.exception()
            if error is None and succeeded is not None:
                self._post(succeeded(future.result()))
            elif isinstance(error, ProxyError):
                self._post(failed(error))
            elif error is not None:
                log.error("action failed", exc_info=error)
                self._post(failed(ProxyError(text("tray.action-failed"))))

        self._loop.submit(work).add_done_callback(done)


def run_tray(
    settings: Settings,
    *,
    demo: bool,
    say: Callable[[str], None],
    given: Mapping[str, object],
    complaints: Sequence[str],
    background: bool = False,
) -> None:
    """
    Run with the tray until the owner quits, or have the copy that runs already show its page.

    To be called in the main thread.

    Args:
        given: Values from the command line, by setting name.
        complaints: What was wrong with the settings file, in sentences.
        background: Whether nothing but the icon is to be shown: nobody has just asked for more.

    Raises:
        NoDisplay: there is no screen to show a tray on.
        NoAnswer: another copy runs, and does not show its page.
    """
    folder = program_folders(settings, demo=demo).settings
    while (this := Instance.acquire(folder)) is None:
        try:
            told = None if background else instance.ask(folder, "open")
        except NotRunning:
            continue  # it has just ended
        say(told or text("instance.runs" if background else "instance.opened"))
        return
    try:
        program_folders(settings, demo=demo).keep_private()
        _run_tray(settings, this, demo=demo, say=say, given=given, complaints=complaints, background=background)
    finally:
        this.release()


def _run_tray(
    settings: Settings,
    this: Instance,
    *,
    demo: bool,
    say: Callable[[str], None],
    given: Mapping[str, object],
    complaints: Sequence[str],
    background: bool,
) -> None:
    logs.set_up(program_folders(settings, demo=demo).logs, settings.log_level, echo=False)
    # Late: a server has no use for it.
    from tray_proxy.tray.controller import TrayController

    logs_folder = program_folders(settings, demo=demo).logs
    first = Status(
        address=shown(settings),
        # From the beginning: a line that comes later would close a menu that is open.
        spending=spent_today(0.0, settings.daily_limit_usd),
        notifications=settings.notifications,
        greets=not background,
        demo=demo,
    )
    controller = TrayController(first)
    loop = LoopThread(died=lambda error: controller.post(ListenerFailed(LoopDied(error))))
    control = control_api.routes(lambda: controller.post(SettingsClicked()), lambda: controller.post(QuitClicked()))
    program, upstream = loop.submit(
        _open(
            settings,
            demo=demo,
            post=controller.post,
            given=given,
            complaints=complaints,
            control=control,
            releases=releases.source(),
        )
    ).result()
    try:
        if settings.turn_on_at_start:
            # Now, and not only when the icon is there; why it could not be is told by what stands for a click.
            with contextlib.suppress(ProxyError):
                loop.submit(program.proxy.start()).result()
        loop.submit(_set_going(program, this)).result()
        shell = _new_shell(controller.post, first)
        # Asked once: at login a panel may come up meanwhile, and what is said is to be what was done.
        has_tray_host = shell.has_tray_host
        _begin(controller.post, settings, background=background, has_tray_host=has_tray_host)
        actions = TrayActions(loop, program, logs_folder, controller.post)
        if has_tray_host:
            say(text("tray.in-the-tray", folder=logs_folder))
        else:
            say(text("tray.no-tray-host-background" if background else "tray.no-tray-host"))
            if settings.notifications and not background:
                # Who started it with a click sees no terminal.
                shell.notify(text("tray.notice-no-tray"), text("tray.no-tray-host"))
        shell.run(lambda: controller.start(shell, actions))
    finally:
        if loop.lives:
            loop.submit(_close(program, upstream)).result(CLOSE_TIMEOUT_S)
            loop.stop(END_TIMEOUT_S)


def _new_shell(post: Callable[[Event], None], first: Status) -> "TrayShell":
    try:
        # Late: pystray chooses its backend when it is imported, and fails without a display.
        from tray_proxy.tray.shell import TrayShell
    except Exception as error:
        log.warning("no tray", exc_info=True)
        raise NoDisplay from error
    return TrayShell(post, first)


def _begin(post: Callable[[Event], None], settings: Settings, *, background: bool, has_tray_host: bool) -> None:
    """Do by itself what a person would click first; without a menu there is nothing to click."""
    if settings.turn_on_at_start or not has_tray_host:
        post(StartClicked())
    if not has_tray_host and not background:
        post(SettingsClicked())


def check(settings: Settings, *, demo: bool, say: Callable[[str], None]) -> bool:
    """Check everything, and tell what was found; returns whether all is well."""
    logs.set_up(program_folders(settings, demo=demo).logs, settings.log_level, echo=False)
    return asyncio.run(_check(with_demo_key(settings) if demo else settings, demo=demo, say=say))


async def _check(settings: Settings, *, demo: bool, say: Callable[[str], None]) -> bool:
    settings, upstream = await _with_upstream(settings, demo=demo)
    program = Program(settings, demo=demo)
    try:
        program.cache.load_copy()
        report = await _examine(program, is_program=False)
        # Before the end: closing may have to wait for what hangs.
        say(report.text)
        return report.ok
    finally:
        await _close(program, upstream)


async def _examine(program: Program, *, is_program: bool) -> "Report":
    # Late: it looks at trays and their pictures, too.
    from tray_proxy import checkup

    return await checkup.examine(program, is_program=is_program)


async def _with_upstream(settings: Settings, *, demo: bool) -> tuple[Settings, Listener | None]:
    """Start the demo upstream where it is asked for; return the settings with its address."""
    if not demo:
        return settings, None
    from tray_proxy.demo.upstream import DemoUpstream

    upstream = Listener(DemoUpstream().app, bind("127.0.0.1", 0))
    url = await upstream.start()
    return settings.but(openrouter_base_url=f"{url}/api/v1"), upstream


async def _open(
    settings: Settings, *, demo: bool, control: Sequence[Route], **more: Any
) -> tuple[Program, Listener | None]:
    """
    Build the program, with the demo upstream where it is asked for. `more` is `Program`'s.

    Nothing of it runs yet: the port is to be open before that costs time.
    """
    settings, upstream = await _with_upstream(settings, demo=demo)
    control = [*control, *doctor_api.routes(lambda: _examine(program, is_program=True))]
    program = Program(settings, demo=demo, control=control, **more)
    return program, upstream


async def _set_going(program: Program, this: Instance) -> None:
    """
    Let a program begin: to learn the models, to look for the key, and to hear another start of the program.

    It hears that on its page's port, which is therefore opened at once.
    """
    program.begin()
    # In a thread: it has to read who we are to the system, and somebody may have asked something by now.
    await asyncio.to_thread(this.publish, *await program.page.open())
    await asyncio.to_thread(memory.settle)


async def _close(program: Program, upstream: Listener | None) -> None:
    await program.end()
    if upstream is not None:
        await upstream.stop()

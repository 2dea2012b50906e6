"""Read and click the menu of a tray icon as the panel does: over D-Bus, without coordinates."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from jeepney import DBusAddress, DBusErrorResponse, MessageType, Properties, message_bus, new_method_call
from jeepney.io.blocking import DBusConnection, open_dbus_connection

from desktop.waiting import wait_for

WATCHER = DBusAddress("/StatusNotifierWatcher", "org.kde.StatusNotifierWatcher", "org.kde.StatusNotifierWatcher")


@dataclass(frozen=True)
class MenuItem:
    """
    One line of the menu as it was when it was read.

    Attributes:
        id: Good only until the menu is built anew, which pystray does at every change.
        path: The labels from the top down, as "Models/some model"; a separator has an empty label.
        checked: None for an item that has no check mark.
    """

    id: int
    path: str
    enabled: bool
    checked: bool | None


class TrayMenu:
    """
    The icon of one program and its menu.

    Args:
        bus_address: The session bus to look on.
        pid: The program whose icon is meant; None takes the first icon there is.
        timeout_s: How long the icon may take to show.

    Raises:
        TimeoutError: when no icon shows in time.
    """

    def __init__(self, bus_address: str, *, pid: int | None = None, timeout_s: float = 30.0) -> None:
        self._bus = open_dbus_connection(bus_address)
        try:
            self._item = self._wait_for_icon(pid, timeout_s)
            self._menu = DBusAddress(self.properties()["Menu"], self._item.bus_name, "com.canonical.dbusmenu")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._bus.close()

    def properties(self) -> dict[str, Any]:
        """What the icon tells of itself: Title, Status, IconName (the path of a picture), Menu and so on."""
        return {name: value for name, (_, value) in self._call(Properties(self._item).get_all())[0].items()}

    def is_there(self) -> bool:
        """Whether the program still holds its icon up."""
        return bool(self._call(message_bus.NameHasOwner(self._item.bus_name))[0])

    def items(self) -> list[MenuItem]:
        """The whole menu, top to bottom, each submenu after its own line."""
        self._call(new_method_call(self._menu, "AboutToShow", "i", (0,)))
        # From the root (0), to any depth (-1), all properties ([]).
        root = self._call(new_method_call(self._menu, "GetLayout", "iias", (0, -1, [])))[1]
        return list(_flatten(root, ()))

    def labels(self) -> list[str]:
        """The label paths of everything in the menu but the separators."""
        return [item.path for item in self.items() if item.path.rpartition("/")[2]]

    def find(self, path: str) -> MenuItem:
        """The item with this label path; LookupError tells what there is instead."""
        items = self.items()
        for item in items:
            if item.path == path:
                return item
        raise LookupError(f"no menu item {path!r}; there are {[item.path for item in items]}")

    def click(self, path: str) -> None:
        """Choose an item. It must be enabled: a person could not click it otherwise."""

        def clicked() -> bool:
            item = self.find(path)
            assert item.enabled, f"{path!r} is disabled"
            try:
                self._call(new_method_call(self._menu, "Event", "isvu", (item.id, "clicked", ("i", 0), 0)))
            except DBusErrorResponse:
                # The menu was rebuilt since it was read, and its items have other numbers now.
                return False
            return True

        wait_for(clicked, f"menu item {path!r} to take the click")

    def wait_for(
        self, path: str, timeout_s: float = 30.0, *, that: Callable[[MenuItem], bool] = lambda item: True
    ) -> MenuItem:
        """The item with this label path, once it is there and `that` holds for it."""

        def fitting() -> MenuItem | None:
            return next((item for item in self.items() if item.path == path and that(item)), None)

        try:
            return wait_for(fitting, f"menu item {path!r}", timeout_s)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; there are {self.items()}") from None

    def wait_gone(self, timeout_s: float = 30.0) -> None:
        """Return once the icon has been taken down."""
        wait_for(lambda: not self.is_there(), "the icon to be taken down", timeout_s)

    def _wait_for_icon(self, pid: int | None, timeout_s: float) -> DBusAddress:
        def icon_of_pid() -> DBusAddress | None:
            return next((i for i in self._icons() if pid is None or self._pid_of(i.bus_name) == pid), None)

        return wait_for(icon_of_pid, f"the tray icon of process {pid or 'any'}", timeout_s)

    def _icons(self) -> list[DBusAddress]:
        try:
            registered = self._call(Properties(WATCHER).get("RegisteredStatusNotifierItems"))[0][1]
        except DBusErrorResponse:
            return []  # no tray host yet
        icons = []
        for name in registered:
            # ":1.42/org/ayatana/…", or only a bus name: then the path is the usual one.
            owner, _, path = name.partition("/")
            icons.append(DBusAddress("/" + (path or "StatusNotifierItem"), owner, "org.kde.StatusNotifierItem"))
        return icons

    def _pid_of(self, name: str) -> int | None:
        try:
            return int(self._call(message_bus.GetConnectionUnixProcessID(name))[0])
        except DBusErrorResponse:
            return None  # gone since the watcher named it

    def _call(self, message: Any) -> Any:
        return call(self._bus, message)


def call(bus: DBusConnection, message: Any) -> Any:
    """Send a method call and return the body of the answer; an error comes as DBusErrorResponse."""
    reply = bus.send_and_get_reply(message, timeout=30)
    if reply.header.message_type is MessageType.error:
        raise DBusErrorResponse(reply)
    return reply.body


def _flatten(node: tuple[int, dict[str, Any], list[Any]], above: tuple[str, ...]) -> Any:
    for _, child in node[2]:
        item_id, properties, _ = child
        values = {name: value for name, (_, value) in properties.items()}
        # A single underscore marks the shortcut key; a real one is doubled.
        labels = (*above, values.get("label", "").replace("__", "_"))
        toggles = "toggle-type" in values
        yield MenuItem(
            id=item_id,
            path="/".join(labels),
            enabled=values.get("enabled", True),
            checked=values.get("toggle-state") == 1 if toggles else None,
        )
        yield from _flatten(child, labels)

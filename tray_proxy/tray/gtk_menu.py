"""
A GTK menu that follows pystray's line by line, and stays open while it does.

pystray builds a new menu at every change. A panel then closes the one that a person is just reading, and xfce4-panel
has crashed over it. Changed in place, labels and ticks simply become others: libdbusmenu passes them on one by one.
"""

from collections.abc import Callable, Iterable
from enum import Enum, auto
from typing import Any


class _Kind(Enum):
    """What a line is to GTK; a line of one kind cannot become another."""

    SEPARATOR = auto()
    PLAIN = auto()
    TICK = auto()
    SUBMENU = auto()


class GtkMenu:
    """
    A menu and its lines. To be used in the GUI's thread.

    Args:
        click: Runs a pystray item.
        separator: pystray's own mark for one.
    """

    def __init__(self, click: Callable[[Any], None], separator: object) -> None:
        from gi.repository import Gtk

        self.widget = Gtk.Menu.new()
        self._click = click
        self._separator = separator
        self._rows: list[_Row] = []

    def follow(self, items: Iterable[Any]) -> None:
        """Show these pystray items from now on."""
        wanted = list(items)
        for place, item in enumerate(wanted):
            kind = self._kind(item)
            if place < len(self._rows) and self._rows[place].kind is not kind:
                self._drop(place)
            if place == len(self._rows) or self._rows[place].kind is not kind:
                self._insert(place, kind)
            self._rows[place].show(item)
        for place in reversed(range(len(wanted), len(self._rows))):
            self._drop(place)

    def _kind(self, item: Any) -> _Kind:
        if item is self._separator:
            return _Kind.SEPARATOR
        if item.submenu:
            return _Kind.SUBMENU
        return _Kind.PLAIN if item.checked is None else _Kind.TICK

    def _insert(self, place: int, kind: _Kind) -> None:
        below = GtkMenu(self._click, self._separator) if kind is _Kind.SUBMENU else None
        row = _Row(kind, self._click, below)
        self._rows.insert(place, row)
        self.widget.insert(row.widget, place)

    def _drop(self, place: int) -> None:
        self.widget.remove(self._rows.pop(place).widget)


class _Row:
    """One line: its widget, and the pystray item that it shows at the moment."""

    def __init__(self, kind: _Kind, click: Callable[[Any], None], below: GtkMenu | None) -> None:
        from gi.repository import Gtk

        makers = {_Kind.SEPARATOR: Gtk.SeparatorMenuItem.new, _Kind.TICK: Gtk.CheckMenuItem.new_with_label}
        self.kind = kind
        self.widget = makers[kind]() if kind is _Kind.SEPARATOR else makers.get(kind, Gtk.MenuItem.new_with_label)("")
        self._click = click
        self._below = below
        self._item: Any = None
        if below is not None:
            self.widget.set_submenu(below.widget)
        elif kind is not _Kind.SEPARATOR:
            self._clicked = self.widget.connect("activate", self._activated)
        self.widget.show()

    def show(self, item: Any) -> None:
        """Show this item; what is the same already is left alone."""
        self._item = item
        if self.kind is _Kind.SEPARATOR:
            return
        if self.widget.get_label() != item.text:
            self.widget.set_label(item.text)
        if self.widget.get_sensitive() != item.enabled:
            self.widget.set_sensitive(item.enabled)
        if self.kind is _Kind.TICK:
            self._tick()
        if self._below is not None:
            self._below.follow(item.submenu.items)

    def _tick(self) -> None:
        if self.widget.get_active() != self._item.checked:
            with self.widget.handler_block(self._clicked):  # setting a tick counts as a click
                self.widget.set_active(self._item.checked)

    def _activated(self, _widget: object) -> None:
        if self.kind is _Kind.TICK:
            # GTK has flipped it by itself; it is to show what is so, and follows when there is news.
            self._tick()
        self._click(self._item)

"""Which models the owner allows: put in force in the catalogue, and kept in the user's settings file."""

from collections.abc import Iterable
from pathlib import Path

from tray_proxy import user_file
from tray_proxy.catalogue import Catalogue, CatalogueCache
from tray_proxy.errors import SettingsInvalid
from tray_proxy.translate.names import AllowList

# What fits a menu; the page shows them all.
MENU_LENGTH = 15


class Selection:
    """
    The owner's choice. To be used from the event loop.

    Args:
        ceiling: The lines of the filter file; None without one.
        ticks: The ticked ids; None where every model is allowed but the hidden ones.
            An empty choice allows nothing, for unticking the last model must not allow four hundred others.
        file: The user's settings file.
        hidden: Ids taken out of "every model" one by one.
    """

    def __init__(
        self,
        cache: CatalogueCache,
        ceiling: tuple[str, ...] | None,
        ticks: Iterable[str] | None,
        file: Path,
        hidden: Iterable[str] = (),
    ) -> None:
        self._cache = cache
        self._ceiling = ceiling
        self._file = file
        self._touched: list[str] = []
        self.ticks = None if ticks is None else tuple(ticks)
        self.hidden = () if self.ticks is not None else tuple(hidden)

    @property
    def allows_all(self) -> bool:
        """Whether every model is allowed, within the filter file."""
        return self.ticks is None and not self.hidden

    def allow(self, model_id: str, *, allowed: bool) -> None:
        """
        Allow or disallow one model. As long as nothing was ticked, a disallowed one is hidden: the others, and
        those that are new tomorrow, stay allowed.

        Raises:
            SettingsInvalid: the choice could not be saved; nothing has changed.
        """
        before = self._touched
        # Before the choice is put in force: the menu is drawn from it at once.
        self._touched = [*_without(before, model_id), model_id]
        try:
            if self.ticks is None:
                hidden = _without(self.hidden, model_id)
                self._keep(None, hidden if allowed else (*hidden, model_id))
            else:
                ticks = _without(self.ticks, model_id)
                self._keep((*ticks, model_id) if allowed else ticks, ())
        except SettingsInvalid:
            self._touched = before
            raise

    def choose(self, ticks: tuple[str, ...] | None) -> None:
        """
        Allow exactly these models; None allows every one again. Either way nothing is hidden any more.

        Raises:
            SettingsInvalid: the choice could not be saved; nothing has changed.
        """
        self._keep(ticks, ())

    def limit(self, ceiling: tuple[str, ...] | None) -> None:
        """Put another filter file's lines in force."""
        self._ceiling = ceiling
        self._cache.restrict(AllowList(ceiling, self.ticks, self.hidden))

    def _keep(self, ticks: tuple[str, ...] | None, hidden: tuple[str, ...]) -> None:
        changes = {"allowed_models": None if ticks is None else list(ticks), "hidden_models": list(hidden) or None}
        user_file.save(self._file, changes)
        self.ticks, self.hidden = ticks, hidden
        self._cache.restrict(AllowList(self._ceiling, ticks, hidden))

    def menu(self, catalogue: Catalogue) -> tuple[tuple[str, bool], ...]:
        """
        Return the models for the tray menu, each with its tick.

        What was changed one by one stays in sight, whoever changed it: a slip of the mouse, or an app's doing,
        could not be undone there otherwise.
        """
        allowed = {entry.id for entry in catalogue.allowed}
        listed = {entry.id for entry in catalogue.entries}
        touched = [model_id for model_id in self._touched if model_id in listed][-MENU_LENGTH:]
        others = [entry.id for entry in catalogue.allowed if entry.id not in touched]
        shown = {*touched, *others[: MENU_LENGTH - len(touched)]}
        return tuple((entry.id, entry.id in allowed) for entry in catalogue.entries if entry.id in shown)


def _without(ids: Iterable[str], model_id: str) -> tuple[str, ...]:
    """Leave one id out, in whatever case a person wrote it."""
    return tuple(other for other in ids if other.casefold() != model_id.casefold())

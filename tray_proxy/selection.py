"""Which models are ticked: put in force in the catalogue, and kept in the user's settings file."""

from collections.abc import Iterable
from pathlib import Path

from tray_proxy import settings
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
        ticks: The ticked ids; None when nothing was ever ticked or unticked: then every model is allowed.
            An empty choice allows nothing, for unticking the last model must not allow four hundred others.
        file: The user's settings file.
    """

    def __init__(
        self, cache: CatalogueCache, ceiling: tuple[str, ...] | None, ticks: Iterable[str] | None, file: Path
    ) -> None:
        self._cache = cache
        self._ceiling = ceiling
        self._file = file
        self._unticked: list[str] = []
        self.ticks = None if ticks is None else tuple(ticks)

    def allow(self, model_id: str, *, allowed: bool) -> None:
        """
        Tick or untick one model. The first untick turns "every model" into all the others.

        Raises:
            SettingsInvalid: the choice could not be saved; nothing has changed.
        """
        ticks = self._all_ids() if self.ticks is None else self.ticks
        others = tuple(tick for tick in ticks if tick != model_id)
        before = self._unticked
        # Before the choice is put in force: the menu is drawn from it at once.
        self._unticked = [other for other in before if other != model_id] + ([] if allowed else [model_id])
        try:
            self.choose((*others, model_id) if allowed else others)
        except SettingsInvalid:
            self._unticked = before
            raise

    def choose(self, ticks: tuple[str, ...] | None) -> None:
        """
        Allow exactly these models; None allows every one again.

        Raises:
            SettingsInvalid: the choice could not be saved; nothing has changed.
        """
        try:
            settings.save(self._file, {"allowed_models": None if ticks is None else list(ticks)})
        except OSError as error:
            raise SettingsInvalid(f"The choice of models could not be saved: {error.strerror}.") from None
        self.ticks = ticks
        self._cache.restrict(AllowList(self._ceiling, ticks))

    def menu(self, catalogue: Catalogue) -> tuple[tuple[str, bool], ...]:
        """
        Return the models for the tray menu, each with its tick.

        What was unticked a moment ago stays in sight, or a slip of the mouse could not be undone there.
        """
        allowed = {entry.id for entry in catalogue.allowed}
        recent = [tick for tick in self._unticked if tick not in allowed][-MENU_LENGTH:]
        room = MENU_LENGTH - len(recent)
        shown = {*list(allowed_in_order(catalogue))[:room], *recent}
        return tuple((entry.id, entry.id in allowed) for entry in catalogue.entries if entry.id in shown)

    def _all_ids(self) -> tuple[str, ...]:
        catalogue = self._cache.snapshot
        return () if catalogue is None else allowed_in_order(catalogue)


def allowed_in_order(catalogue: Catalogue) -> tuple[str, ...]:
    """Return the allowed ids in the catalogue's own order."""
    return tuple(entry.id for entry in catalogue.allowed)

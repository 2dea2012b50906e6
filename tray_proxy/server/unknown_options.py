"""Options that have no effect, named once in the log: an app's misspelt option should be found, not searched for."""

from collections.abc import Mapping
from typing import Any

import structlog

from tray_proxy.translate.options import unknown_options

# No client fills the memory, or the log, with names of its own making.
MAX_NAMES = 200
MAX_NAME_LENGTH = 64

log = structlog.get_logger(__name__)


class UnknownOptions:
    """Remembers which names the log has."""

    def __init__(self) -> None:
        self._named: set[str] = set()

    def note(self, options: Mapping[str, Any] | None) -> None:
        """Name the unknown options that were not named before, in one line. Their values are never logged."""
        unknown = unknown_options(options)
        if not unknown:
            return
        new = {name[:MAX_NAME_LENGTH] for name in unknown} - self._named
        new = set(sorted(new)[: MAX_NAMES - len(self._named)])
        if new:
            self._named |= new
            log.warning("unknown options have no effect", names=sorted(new))

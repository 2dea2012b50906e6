"""
What was spent on each of the last two days, by OpenRouter's calendar, which is UTC; and its file.

The file is replaced in one go, for its owner only. A damaged one is set aside. Nothing here asks for the time.
"""

import time
from pathlib import Path

import msgspec

from tray_proxy import paths

FILE_NAME = "spending.json"
DAMAGED = "spending.damaged-*.json"
DAY_S = 86_400
# Programs name themselves, and could do so in endless variety.
MAX_APPS = 200
# Who comes after so many, together.
OTHERS = ""
# A clock that was set right by less changes no day.
DOUBT_S = 60.0


class Day(msgspec.Struct):
    """
    One day's spending, in US dollars.

    Args:
        number: Days since 1970, UTC; 0 where it was never told.
        apps: By program: its id in `callers.PROGRAMS`, or the name it gives itself.
        warned: Of how many percent of the limit the owner was notified; 0 for none.
    """

    number: int = 0
    spent_usd: float = 0.0
    apps: dict[str, float] = {}
    warned: int = 0

    def add(self, app: str, usd: float) -> None:
        """Add what a program has spent."""
        self.spent_usd += usd
        self.note(app, usd)

    def note(self, app: str, usd: float) -> None:
        """Note of what was added which program has spent it."""
        name = app if app in self.apps or len(self.apps) < MAX_APPS else OTHERS
        self.apps[name] = self.apps.get(name, 0.0) + usd


class Ledger(msgspec.Struct):
    """
    The present day, and the one before.

    The day before is kept for a clock that was wrongly put forward: when that is found, both are one again.
    """

    today: Day = msgspec.field(default_factory=Day)
    before: Day | None = None

    def turn(self, true_s: float, *, sure: bool) -> bool:
        """
        Begin a new day where one has begun.

        A clock that is put back begins none, and gives nothing back.

        Args:
            true_s: The Unix time, as well as we know it.
            sure: Whether OpenRouter told it. Then a day that is still to come is none yet: our clock was ahead.

        Returns:
            Whether it is another day than before.
        """
        number = int(true_s // DAY_S)
        if number > self.today.number:
            self.before, self.today = self.today, Day(number)
            return True
        if sure and true_s < self.today.number * DAY_S - DOUBT_S:
            ahead, before = self.today, self.before
            self.today, self.before = ahead, None
            if before is not None and before.number == number:
                for app, usd in before.apps.items():
                    ahead.add(app, usd)
                ahead.warned = max(ahead.warned, before.warned)
            ahead.number = number
            return True
        return False


def read(file: Path) -> Ledger | None:
    """
    Read the file; None where there is none.

    Raises:
        ValueError: it is damaged, and lies now beside its place under another name.
        OSError: it cannot be read.
    """
    try:
        found = msgspec.json.decode(paths.read_file(file), type=Ledger)
        days = [found.today] if found.before is None else [found.today, found.before]
        if all(usd >= 0 for day in days for usd in (day.spent_usd, *day.apps.values())):
            return found
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    file.replace(file.with_name(DAMAGED.replace("*", str(int(time.time())))))
    raise ValueError


def written(ledger: Ledger, under_way_usd: float) -> bytes:
    """Write a ledger, with what is under way: of that nobody tells any more where we are killed."""
    today = msgspec.structs.replace(ledger.today, spent_usd=ledger.today.spent_usd + max(under_way_usd, 0.0))
    return msgspec.json.encode(Ledger(today, ledger.before))

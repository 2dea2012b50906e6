"""
What was spent today and lately, by OpenRouter's calendar, which is UTC; and its file.

The file is replaced in one go, for its owner only. A damaged one is set aside. Nothing here asks for the time.
"""

import time
from collections.abc import Mapping
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
# In the year 2983, before the systems' own calendars end; and more than anybody spends.
NO_DAY, NO_SUM_USD = 370_000, 1e15
# How often a clock may be put forward before OpenRouter tells the time, until days are taken together.
MAX_EARLIER = 8


class Day(msgspec.Struct):
    """
    One day's spending, in US dollars.

    Args:
        number: Days since 1970, UTC; 0 before anybody told the time.
        apps: By program: its id in `callers.PROGRAMS`, or the name it gives itself.
        warned: Of how many percent of the limit the owner was notified; 0 for none.
    """

    number: int
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

    def take(self, other: "Day") -> None:
        """Take another day, which turned out to be this one."""
        self.spent_usd += other.spent_usd
        for app, usd in other.apps.items():
            self.note(app, usd)
        self.warned = max(self.warned, other.warned)

    def count_at_least(self, spent: Mapping[str, float]) -> None:
        """Count no less than this, by program: it was added up in another way."""
        self.spent_usd = max(self.spent_usd, sum(spent.values()))
        for app, usd in spent.items():
            if usd > (known_usd := self.apps.get(app, 0.0)):
                self.note(app, usd - known_usd)

    @property
    def is_sound(self) -> bool:
        """Whether it can be what was spent: whatever else a file says would stop the program, or let everybody pass."""
        return 0 <= self.number < NO_DAY and all(0 <= usd < NO_SUM_USD for usd in (self.spent_usd, *self.apps.values()))


class Ledger(msgspec.Struct):
    """
    The present day, and those before that may turn out to be the same.

    Args:
        earlier: The day before, and those that began since by our clock alone; only where something was spent.
        told: The last day that OpenRouter told; 0 for none.
        taken_back: A day that it had told before it told an earlier one; 0 for none.
    """

    today: Day
    earlier: list[Day] = []
    told: int = 0
    taken_back: int = 0

    def turn(self, true_s: float, *, sure: bool) -> bool:
        """
        Begin a new day where one has begun. None begins twice, and nothing that was spent is given back.

        Our own clock only begins days; OpenRouter's also says which of them are none: what was spent on a day that is
        still to come, or since OpenRouter last told the time, counts for the day that it tells now.

        Args:
            true_s: The Unix time, as well as we know it.
            sure: Whether OpenRouter told it.

        Returns:
            Whether it is another day than before.
        """
        number, before = int(true_s // DAY_S), self.today.number
        if sure:
            if before * DAY_S - DOUBT_S <= true_s < before * DAY_S:
                return False
            self._tell(number)
        elif number > before:
            self._begin(number)
        return self.today.number != before

    def _begin(self, number: int) -> None:
        if self.today.spent_usd:
            self.earlier.append(self.today)
        if len(self.earlier) > MAX_EARLIER:
            oldest = self.earlier.pop(0)
            self.earlier[0].take(oldest)
        self.today = Day(number)

    def _tell(self, number: int) -> None:
        today, first = self.today, min(number, self.told + 1)
        if number == self.taken_back:
            # It comes a second time: what was spent on it the first time moved along, and comes with it again.
            first = min(first, today.number)
        if today.number < first:
            self.earlier = []
            self._begin(number)
        else:
            for day in self.earlier:
                if day.number >= first:
                    today.take(day)
            self.earlier = [day for day in self.earlier if day.number < first]
            if number < today.number == self.told:
                self.taken_back = today.number
            today.number = number
        self.told = number


class _Kept(Ledger):
    """The file: beside the ledger what was under way when it was written, in US dollars."""

    under_way_usd: float = 0.0


def read(file: Path) -> Ledger | None:
    """
    Read the file; None where there is none. What was under way is spent: whoever wrote it was killed.

    Raises:
        ValueError: it is damaged, and lies now beside its place under another name.
        OSError: it cannot be read.
    """
    try:
        found = msgspec.json.decode(paths.read_file(file), type=_Kept)
        days = (found.today, *found.earlier)
        if all(day.is_sound for day in days) and 0 <= found.under_way_usd < NO_SUM_USD:
            found.today.spent_usd += found.under_way_usd
            return Ledger(found.today, found.earlier, found.told, found.taken_back)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    file.replace(file.with_name(DAMAGED.replace("*", str(int(time.time())))))
    raise ValueError


def written(ledger: Ledger, under_way_usd: float) -> bytes:
    """Write a ledger, with what is under way: of that nobody tells any more where we are killed."""
    return msgspec.json.encode(
        _Kept(ledger.today, ledger.earlier, ledger.told, ledger.taken_back, max(under_way_usd, 0.0))
    )

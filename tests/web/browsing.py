"""A tab of a real browser with the settings page in it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from desktop.waiting import wait_for
from web.fakes import Served

# `make install-dev` puts it there.
AXE = Path(__file__).parents[2] / ".clients" / "node" / "node_modules" / "axe-core" / "axe.min.js"


@dataclass
class Visit:
    """A tab, and all that it asked for and complained about."""

    page: Page
    served: Served
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    readings: int = 0

    def open(self, section: str = "") -> None:
        """Come in the way the tray leads, and wait until the page has drawn what it was told."""
        self.page.goto(self.served.url + self.served.gate.new_path(section=section))
        expect(self.page.locator("#page")).to_be_visible()
        wait_for(self.served.is_heard, "the page to listen for news")

    def news(self, topic: str) -> None:
        """Tell the page that something has changed, as Tray Proxy does."""
        self.served.news(topic)

    def reread(self) -> None:
        """Have the page read the state anew, and wait until it is drawn: the status tells this reading apart."""
        self.readings += 1
        self.served.backend.status = f"On: reading {self.readings}"
        self.news("state")
        expect(self.page.locator("#status")).to_have_text(self.served.backend.status)

    def narrow(self, width: int = 400) -> None:
        """Make the window as wide as a phone."""
        self.page.set_viewport_size({"width": width, "height": 700})

    def width(self) -> int:
        """How wide the page is, with what one would have to scroll sideways to see."""
        return int(self.page.evaluate("document.documentElement.scrollWidth"))

    def faults(self) -> list[str]:
        """What axe-core finds on the page that is serious or critical, each with the elements it is about."""
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found: dict[str, Any] = self.page.evaluate("axe.run()")
        return [
            f"{fault['id']}: {[node['html'] for node in fault['nodes']]}"
            for fault in found["violations"]
            if fault["impact"] in ("serious", "critical")
        ]

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def model(self, model_id: str) -> Locator:
        return self.page.locator(f"#models-list input[value='{model_id}']")

    def shown_models(self) -> list[str]:
        return self.page.locator("#models-list li:visible .id").all_text_contents()

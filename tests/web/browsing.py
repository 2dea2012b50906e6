"""A tab of a real browser with the settings page in it."""

from dataclasses import dataclass, field

from playwright.sync_api import Locator, Page, expect

from web.fakes import Served


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

    def come_to_front(self) -> None:
        """Have the page read the state anew, as it does when its window comes to the front."""
        self.page.evaluate("window.dispatchEvent(new Event('focus'))")

    def reread(self) -> None:
        """The same, and wait until what the backend says now is drawn: the status tells this reading apart."""
        self.readings += 1
        self.served.backend.status = f"On: reading {self.readings}"
        self.come_to_front()
        expect(self.page.locator("#status")).to_have_text(self.served.backend.status)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def model(self, model_id: str) -> Locator:
        return self.page.locator(f"#models-list input[value='{model_id}']")

    def shown_models(self) -> list[str]:
        return self.page.locator("#models-list li:visible .id").all_text_contents()

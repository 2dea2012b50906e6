"""Third-party notices on the page: one route, and what a browser makes of it."""

import pytest
from playwright.sync_api import expect

from web.browsing import Visit
from web.fakes import Served


def test_the_notices_are_told_to_the_page_alone(served: Served) -> None:
    assert served.visitor().get("/api/notices").json() == {"text": "Works of others, each with its licence"}
    assert served.stranger().get("/api/notices").status_code == 403


@pytest.mark.desktop
def test_the_foot_of_the_page_leads_to_the_notices(axe: None, visit: Visit) -> None:
    visit.open()

    visit.page.get_by_role("link", name="Third-party notices").click()

    expect(visit.page.get_by_role("heading", level=1)).to_have_text("Third-party notices")
    expect(visit.page.locator("pre")).to_have_text("Works of others, each with its licence")
    expect(visit.page.locator("nav [aria-current]")).to_have_count(0)
    assert visit.faults() == []

"""Journey 3: five of 450 models, chosen by keyboard alone; apps and tray have them at once."""

from playwright.sync_api import expect

from desktop.waiting import wait_for
from journeys.openrouter import made_up
from tray_proxy.demo.keys import DEMO_KEY

COUNT = 450


def test_five_of_450_are_picked_by_keyboard_alone(person, openrouter, picture):
    """From the click in the tray on nothing but keys are pressed; a model that nobody ticked is not even listed."""
    openrouter.models = COUNT
    env = {"OPENROUTER_BASE_URL": openrouter.url, "OPENROUTER_API_KEY": DEMO_KEY, "ALLOWED_MODELS": "[]"}
    app = person.start(env=env)
    app.turn_on()
    rows = {row.id: row for row in made_up(COUNT)}
    wanted = [list(rows)[number] for number in (0, 77, 200, 201, 420)]
    page = person.click(app, "Models/Choose models…")
    search = page.get_by_role("searchbox", name="Search models")
    expect(search).to_be_focused()
    expect(search).to_have_attribute("placeholder", "Search 450 models")

    for model_id in wanted:
        page.keyboard.type(model_id)
        for key in ("ArrowDown", "Space", "Escape"):
            page.keyboard.press(key)

    expect(page.get_by_role("status").filter(has_text="Saved. Apps see the change at once.")).to_be_visible()
    assert app.models() == set(wanted)
    page.keyboard.press("Escape")
    picture(page, "3-five-of-450")
    ticked = wait_for(lambda: ticks(app) if len(ticks(app)) == 5 else None, "five ticks in the menu")
    assert set(ticked) == {f"Models/{model_id}" for model_id in wanted}


def ticks(app):
    return [item.path for item in app.menu.items() if item.checked and item.path.startswith("Models/")]

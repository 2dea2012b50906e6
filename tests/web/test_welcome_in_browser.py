"""The page "Welcome" in a real browser: from no key to the first answer, and out of trouble with the port."""

import msgspec
import pytest
from playwright.sync_api import Locator, expect

from tray_proxy.errors import KeyRejected
from tray_proxy.web.http import FormInvalid
from tray_proxy.web.port_api import OllamaSeen
from tray_proxy.web.sign_in_api import SignInState
from tray_proxy.web.state_api import Trouble
from tray_proxy.web.try_api import Answered
from web.browsing import Visit
from web.fakes import KEY, XSS_NAME, FakeBackend, app, row, taken

pytestmark = pytest.mark.desktop

CONNECT, MODELS, APPS, TRY = (
    "Connect your OpenRouter account",
    "Choose what apps may use",
    "Point your app here",
    "Try it here",
)
HELLO = Answered(
    model="google/gemma-3-27b-it:free",
    answer=f"Hello! {XSS_NAME}",
    ms=1234,
    cost_usd=0.0,
    prompt_tokens=12,
    completion_tokens=9,
)
OLLAMA = "Port 11434 is used by Ollama 0.17.0."


@pytest.fixture
def newcomer(visit: Visit) -> Visit:
    """Nothing was done yet: no key, and every model allowed because nobody chose."""
    visit.served.backend.allowed = None
    return visit


def backend_of(visit: Visit) -> FakeBackend:
    return visit.served.backend


def step(visit: Visit, name: str) -> Locator:
    return visit.page.get_by_role("listitem", name=name)


def ticked(visit: Visit) -> list[str]:
    """The steps that are done."""
    steps = visit.page.locator(".step.done h2").all_text_contents()
    return [words.removesuffix(" (done)") for words in steps]


def test_who_has_nothing_yet_begins_with_the_account(newcomer: Visit) -> None:
    """One step is open; the others are there to be seen, and wait."""
    newcomer.open()

    expect(newcomer.page.locator("h1")).to_have_text("Use OpenRouter’s models in any app that speaks Ollama")
    assert newcomer.page.locator(".step h2").all_text_contents() == [CONNECT, MODELS, APPS, TRY]
    assert newcomer.page.locator(".step button").all_text_contents() == [
        "Sign in with OpenRouter",
        "I already have a key",
    ]


def test_signing_in_opens_openrouter_in_a_tab_of_its_own_and_goes_on_by_itself(newcomer: Visit) -> None:
    """Nobody has to come back and press something: the key's arrival does it, and takes the keyboard along."""
    newcomer.open()

    with newcomer.page.context.expect_page() as opened:
        newcomer.button("Sign in with OpenRouter").click()
    expect(opened.value).to_have_url(newcomer.served.url + "/static/icon.svg?back")
    expect(newcomer.page.get_by_role("heading", name="Waiting for your browser…")).to_be_focused()
    backend_of(newcomer).key = KEY
    backend_of(newcomer).sign_in = SignInState()
    newcomer.news("state")

    expect(newcomer.page.get_by_role("heading", name=MODELS)).to_be_focused()
    assert ticked(newcomer) == [CONNECT]


def test_a_code_can_be_pasted_where_the_browser_cannot_come_back(newcomer: Visit) -> None:
    """OpenRouter shows it; an empty field says so beside the field."""
    newcomer.open()
    newcomer.button("Sign in with OpenRouter").click()
    newcomer.button("Show the code instead").click()

    field = newcomer.page.get_by_label("Code", exact=True)
    newcomer.button("Continue").click()
    expect(newcomer.page.locator(".field .error")).to_have_text("There is no code in the field.")
    expect(field).to_have_attribute("aria-invalid", "true")
    field.fill("abc123")
    newcomer.page.keyboard.press("Enter")

    expect(step(newcomer, MODELS)).to_contain_text("Free models only")
    assert backend_of(newcomer).calls == [
        ("begin_sign_in", "in the browser"),
        ("begin_sign_in", "on screen"),
        ("finish_sign_in", "abc123"),
    ]


def test_waiting_can_be_given_up(newcomer: Visit) -> None:
    """The keyboard is back where it was begun, and what went wrong is said there."""
    backend_of(newcomer).sign_in = SignInState(waiting=True, url="/static/icon.svg")
    newcomer.open()
    expect(newcomer.page.get_by_role("link", name="Open again")).to_have_attribute("href", "/static/icon.svg")

    newcomer.button("Cancel").click()
    expect(newcomer.button("Sign in with OpenRouter")).to_be_focused()
    backend_of(newcomer).sign_in = SignInState(problem="You said no at OpenRouter, so there is no key.")
    newcomer.news("state")

    expect(step(newcomer, CONNECT)).to_contain_text("You said no at OpenRouter, so there is no key.")


def test_a_pasted_key_is_checked_kept_and_never_in_the_page_again(newcomer: Visit) -> None:
    """Spaces around it do no harm."""
    newcomer.open()

    newcomer.button("I already have a key").click()
    newcomer.page.keyboard.insert_text(f"  {KEY} ")
    newcomer.page.keyboard.press("Enter")

    expect(newcomer.page.get_by_role("heading", name=MODELS)).to_be_focused()
    assert KEY not in newcomer.page.content()
    assert backend_of(newcomer).calls == [("store_key", KEY)]


def test_a_rejected_key_stays_in_the_field_with_what_to_do(newcomer: Visit) -> None:
    """A typing mistake is mended where it is."""
    backend_of(newcomer).fault = KeyRejected("OpenRouter does not know this key.")
    newcomer.open()

    newcomer.button("I already have a key").click()
    newcomer.page.get_by_label("Paste your key.").fill(KEY)
    newcomer.button("Save").click()

    expect(newcomer.page.locator(".step .result.bad")).to_contain_text("OpenRouter does not know this key.")
    expect(newcomer.page.get_by_label("Paste your key.")).to_have_value(KEY)
    assert KEY not in newcomer.page.content()


def test_an_empty_field_is_not_sent(newcomer: Visit) -> None:
    """It says what is missing instead, and the cursor is there."""
    newcomer.open()
    newcomer.button("I already have a key").click()

    newcomer.button("Save").click()

    expect(newcomer.page.locator(".field .error")).to_have_text("Paste your key into the field first.")
    expect(newcomer.page.get_by_label("Paste your key.")).to_be_focused()
    assert backend_of(newcomer).calls == []


def test_free_models_are_the_first_choice(newcomer: Visit) -> None:
    """Who presses Enter all the way pays nothing."""
    backend_of(newcomer).key = KEY
    newcomer.open()
    expect(newcomer.page.get_by_label("Free models only")).to_be_checked()

    newcomer.button("Allow these models").click()

    expect(newcomer.page.get_by_role("heading", name=APPS)).to_be_focused()
    expect(step(newcomer, MODELS)).to_contain_text("1 of 4 models")
    assert backend_of(newcomer).calls == [("allow_models", ("deepseek/deepseek-r1:free",))]


@pytest.mark.parametrize(
    ("rule", "allowed"),
    [
        ("A recommended few", ("anthropic/claude-sonnet-4.5", "anthropic/claude-haiku-4.5")),
        ("Every model", None),
    ],
)
def test_another_choice_is_one_click(newcomer: Visit, rule: str, allowed: tuple[str, ...] | None) -> None:
    """Every model is a choice too, though nothing changes by it."""
    backend_of(newcomer).key = KEY
    newcomer.open()

    newcomer.page.get_by_label(rule).check()
    newcomer.button("Allow these models").click()

    expect(newcomer.page.get_by_role("heading", name=APPS)).to_be_focused()
    assert backend_of(newcomer).calls == [("allow_models", allowed)]


def test_an_empty_list_is_never_allowed(newcomer: Visit) -> None:
    """OpenRouter could not be reached yet: to allow what is there would be to allow nothing."""
    backend_of(newcomer).key, backend_of(newcomer).rows = KEY, ()
    newcomer.open()
    expect(step(newcomer, MODELS)).to_contain_text("The list of models is not here yet.")

    newcomer.page.get_by_label("Free models only").focus()
    newcomer.page.keyboard.press("Enter")
    backend_of(newcomer).rows = (row("deepseek/deepseek-r1:free", free=True),)
    newcomer.news("models")

    expect(newcomer.button("Allow these models")).not_to_have_attribute("aria-disabled", "true")
    assert backend_of(newcomer).calls == []


def test_who_chooses_alone_goes_to_the_list(newcomer: Visit) -> None:
    backend_of(newcomer).key = KEY
    newcomer.open()

    newcomer.page.get_by_label("Let me choose").check()
    newcomer.button("Open the list of models").click()

    expect(newcomer.page).to_have_url(newcomer.served.url + "/#models")


def test_the_address_can_be_copied(visit: Visit) -> None:
    """One click, and it is ready to be pasted into an app."""
    visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    backend_of(visit).key = KEY
    visit.open()

    visit.button("Copy: address").click()

    expect(visit.page.locator("#said")).to_have_text("Copied")
    assert visit.page.evaluate("navigator.clipboard.readText()") == "http://127.0.0.1:11434"


def test_the_first_answer_shows_what_it_said_took_and_cost(visit: Visit) -> None:
    """As text, whatever a model says; and it stays to be read when the step is done."""
    backend_of(visit).key = KEY
    backend_of(visit).said = HELLO
    visit.open(section="welcome")

    visit.button("Ask a question").click()

    expect(visit.page.locator(".answer blockquote")).to_have_text(HELLO.answer)
    expect(visit.page.locator(".answer figcaption")).to_have_text("google/gemma-3-27b-it:free · 1.2 s · $0")
    expect(visit.page.locator("h1")).to_have_text("You are all set")
    assert backend_of(visit).calls == [("try", None)]


def test_what_is_done_stays_done_on_the_next_visit(visit: Visit) -> None:
    """Whoever left in the middle finds the next step open, and nothing asked twice."""
    backend_of(visit).key, backend_of(visit).key_label = KEY, "Tray Proxy on LAPTOP"
    backend_of(visit).key_about = "This key works."
    backend_of(visit).apps = (app("zed", "Zed", listed_s=1_700_000_000.0),)
    visit.open()

    expect(step(visit, CONNECT)).to_contain_text("Connected with the key “Tray Proxy on LAPTOP” · This key works.")
    expect(visit.button("Ask a question")).to_be_visible()
    assert ticked(visit) == [CONNECT, MODELS, APPS]


def test_who_is_finished_begins_with_what_apps_do(visit: Visit) -> None:
    backend_of(visit).key, backend_of(visit).answered = KEY, True

    visit.open()

    expect(visit.page).to_have_url(visit.served.url + "/#activity")


def test_all_set_and_turned_off_are_two_things(visit: Visit) -> None:
    """No page says that apps can use models while none can."""
    backend_of(visit).key, backend_of(visit).answered, backend_of(visit).running = KEY, True, False

    visit.open(section="welcome")

    expect(visit.page.locator(".lead")).to_have_text(
        "Turn Tray Proxy on, and apps on this computer can use your models."
    )


def test_a_step_that_is_done_can_be_done_again(visit: Visit) -> None:
    """It opens where it stands, and closes after."""
    backend_of(visit).key, backend_of(visit).answered = KEY, True
    visit.open(section="welcome")

    visit.button(f"Change: {MODELS}").click()
    visit.page.get_by_label("A recommended few").check()
    visit.button("Allow these models").click()

    expect(step(visit, MODELS)).to_contain_text("2 of 4 models")
    expect(visit.button(f"Change: {MODELS}")).to_be_visible()


def test_the_whole_way_goes_by_the_keyboard_alone(newcomer: Visit) -> None:
    """Paste, Enter, Enter, Enter."""
    backend_of(newcomer).said = HELLO
    newcomer.open(section="welcome")
    keyboard = newcomer.page.keyboard
    newcomer.button("I already have a key").focus()

    keyboard.press("Enter")
    expect(newcomer.page.get_by_label("Paste your key.")).to_be_focused()
    keyboard.insert_text(KEY)
    keyboard.press("Enter")
    expect(newcomer.page.get_by_role("heading", name=MODELS)).to_be_focused()
    # Not before the list of models is there, which comes by itself.
    expect(newcomer.button("Allow these models")).not_to_have_attribute("aria-disabled", "true")
    keyboard.press("Tab")
    expect(newcomer.page.get_by_label("Free models only")).to_be_focused()
    keyboard.press("Tab")
    expect(newcomer.button("Allow these models")).to_be_focused()
    keyboard.press("Enter")
    expect(newcomer.page.get_by_role("heading", name=APPS)).to_be_focused()
    for _ in range(3):
        keyboard.press("Tab")
    keyboard.press("Enter")

    expect(newcomer.page.locator(".answer blockquote")).to_have_text(HELLO.answer)


def test_the_page_says_where_the_icon_is(newcomer: Visit) -> None:
    """On each system it hides elsewhere."""
    newcomer.open()
    place = newcomer.page.get_by_role("region", name="Where Tray Proxy lives")

    for system, words in {
        "win32": "Windows keeps new icons behind the arrow",
        "darwin": "Allow in the Menu Bar",
        "linux": "AppIndicator and KStatusNotifierItem Support",
    }.items():
        backend_of(newcomer).system = system
        newcomer.news("state")
        expect(place).to_contain_text(words)


@pytest.fixture
def beside_ollama(visit: Visit) -> Visit:
    """Ollama has the port."""
    backend = backend_of(visit)
    backend.port = taken("ollama", OLLAMA)
    backend.problem, backend.running, backend.status = Trouble(OLLAMA, "Quit it."), False, "Port 11434 is taken"
    backend.ollama = OllamaSeen(
        url="http://127.0.0.1:11435",
        problem="Ollama does not answer at http://127.0.0.1:11435 yet.",
        steps=("Quit Ollama.", "Start it with: OLLAMA_HOST=127.0.0.1:11435 ollama serve"),
    )
    return visit


def test_trouble_with_the_port_stands_first_and_is_said_once(beside_ollama: Visit) -> None:
    beside_ollama.open(section="welcome")

    expect(beside_ollama.page.get_by_text(OLLAMA, exact=True)).to_have_count(1)
    assert beside_ollama.page.locator("h2").first.text_content() == "Tray Proxy needs a port"


def test_other_pages_lead_to_the_ways_out(beside_ollama: Visit) -> None:
    beside_ollama.open(section="apps")

    beside_ollama.page.get_by_role("link", name="See what you can do").click()

    expect(beside_ollama.page.locator("#port-title")).to_be_focused()
    expect(beside_ollama.page).to_have_title("Settings – Tray Proxy")


def test_another_port_is_one_click_and_its_address_can_be_copied(beside_ollama: Visit) -> None:
    """What has to change in apps is said before it is done."""
    beside_ollama.open(section="welcome")
    expect(beside_ollama.page.locator("#port .copy-line code")).to_have_text("http://127.0.0.1:11436")

    beside_ollama.button("Use port 11436").click()

    expect(beside_ollama.page.locator("#port")).to_have_count(0)
    assert backend_of(beside_ollama).calls == [("use_port", 11436)]


def test_a_port_that_cannot_be_says_why_beside_the_field(beside_ollama: Visit) -> None:
    backend_of(beside_ollama).fault = FormInvalid({"port": "This must be a whole number from 1 to 65535."})
    beside_ollama.open(section="welcome")

    beside_ollama.page.get_by_label("Port", exact=True).fill("99999")
    beside_ollama.button("Use port 99999").click()

    expect(beside_ollama.page.locator("#port .error")).to_have_text("This must be a whole number from 1 to 65535.")


def test_the_port_can_be_waited_for(beside_ollama: Visit) -> None:
    """And no longer, too."""
    beside_ollama.open(section="welcome")

    beside_ollama.button("Take it when it is free").click()
    expect(beside_ollama.page.get_by_text("Waiting until the port is free")).to_be_visible()
    beside_ollama.button("Stop waiting").click()

    expect(beside_ollama.button("Take it when it is free")).to_be_visible()
    assert backend_of(beside_ollama).calls == [("wait", None), ("stop_waiting", None)]


def test_using_both_leads_through_moving_ollama(beside_ollama: Visit) -> None:
    """The steps of this system; a check that says what is missing; and the end of it comes by itself."""
    backend = backend_of(beside_ollama)
    beside_ollama.open(section="welcome")

    beside_ollama.button("Use both").click()
    expect(beside_ollama.page.locator("#port .steps li")).to_have_text(list(backend.ollama.steps))
    beside_ollama.button("Check").click()
    expect(beside_ollama.page.locator("#port .result.bad")).to_have_text(backend.ollama.problem)
    backend.ollama = OllamaSeen(url="http://127.0.0.1:11435", ok=True, version="0.17.0", models=("llama3.2:latest",))
    backend.port = msgspec.structs.replace(backend.port, both=backend.ollama)
    beside_ollama.news("state")

    expect(beside_ollama.page.locator("#port")).to_contain_text(
        "Ollama 0.17.0 runs beside Tray Proxy at http://127.0.0.1:11435. Models: 1"
    )
    assert backend.calls == [("use_both", "http://127.0.0.1:11435"), ("check_port", "http://127.0.0.1:11435")]


def test_every_kind_of_trouble_has_another_port_as_a_way_out(visit: Visit) -> None:
    """Whoever holds it, and whatever its name has in it."""
    visit.open(section="welcome")

    for kind in ("ours", "program", "reserved", "forbidden", "unknown", "other"):
        sentence = f"Port 11434 is used by {XSS_NAME}, {kind}."
        backend_of(visit).port = taken(kind, sentence)
        visit.news("state")
        expect(visit.page.locator("#port .notice-title")).to_have_text(sentence)
        expect(visit.button("Use port 11436")).to_be_visible()
        expect(visit.button("Use both")).to_have_count(0)
        expect(visit.button("Take it when it is free")).to_have_count(0 if kind == "forbidden" else 1)


def test_on_a_phone_nothing_lies_outside(beside_ollama: Visit) -> None:
    """With the longest names."""
    backend_of(beside_ollama).rows += (row("vendor/" + "long-name-" * 9, "A model with a name " * 5),)
    backend_of(beside_ollama).sign_in = SignInState(waiting=True, on_screen=True, url="/static/icon.svg")
    beside_ollama.narrow(320)

    beside_ollama.open(section="welcome")

    assert beside_ollama.width() == 320


@pytest.mark.usefixtures("axe")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_keeps_nobody_out(beside_ollama: Visit, scheme: str) -> None:
    """At its beginning and its end, in light and dark."""
    backend = backend_of(beside_ollama)
    backend.allowed, backend.said = None, HELLO
    beside_ollama.page.emulate_media(color_scheme=scheme)
    beside_ollama.open(section="welcome")
    beside_ollama.button("I already have a key").click()
    at_first = beside_ollama.faults()

    backend.key = KEY
    beside_ollama.news("state")
    beside_ollama.button("Allow these models").click()
    beside_ollama.button("Ask a question").click()
    expect(beside_ollama.page.locator(".answer")).to_be_visible()

    assert at_first + beside_ollama.faults() == []

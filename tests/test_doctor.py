"""Each check of “Check everything”: what it says when all is well, what when not, and what to do about it."""

import asyncio
import dataclasses
import re
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backends import null

from tray_proxy import __version__, doctor, paths
from tray_proxy.budget import Budget
from tray_proxy.catalogue import CatalogueCache
from tray_proxy.demo.keys import DEMO_KEY
from tray_proxy.demo.upstream import DemoUpstream
from tray_proxy.doctor import CHECKS, Answered, Finding, Parts, Report, examine
from tray_proxy.errors import Holder, KeyMissing, ModelNotFound, NoKeyStore, PortInUse, ProxyError, UpstreamError
from tray_proxy.keychain import Keychain, Source
from tray_proxy.limits import Limits
from tray_proxy.listener import bind
from tray_proxy.openrouter import inspection
from tray_proxy.openrouter.client import OpenRouterClient
from tray_proxy.openrouter.inspection import CannotLook, Seen
from tray_proxy.redaction import STRUCK_OUT
from tray_proxy.secret_str import SecretStr
from tray_proxy.setting_list import Settings
from tray_proxy.translate.names import AllowList

NOW_S = 1_800_000_000.0
KEY = "sk-or-v1-canary-key-of-nobody-0123456789"

type Making = Callable[[], Parts]


async def no_free_model() -> Answered:
    raise ModelNotFound("free")


async def answers() -> Answered:
    return Answered("demo/model:free", 1.24)


def raising(error: Exception) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> Any:
        raise error

    return fail


@pytest.fixture
def make(
    tmp_path: Path, free_port: int, stage: Any, upstream: DemoUpstream, memory_keyring: dict[tuple[str, str], str]
) -> Callable[..., Parts]:
    """Make the parts of a program where all is well, in the event loop; with changes of your own."""

    def make(key: str | None = DEMO_KEY, allow: tuple[str, ...] | None = None, **changes: Any) -> Parts:
        settings = Settings(port=free_port, openrouter_base_url=changes.pop("base_url", stage.url))
        keychain = Keychain(None if key is None else SecretStr(key), Source.ENVIRONMENT, timeout_s=5.0)
        client = OpenRouterClient(settings, keychain)
        cache = CatalogueCache(
            client, tmp_path / "catalogue.json", settings.openrouter_base_url, AllowList(None, allow, ()),
            clock=lambda: NOW_S,
        )  # fmt: skip
        parts = Parts(
            settings=lambda: settings,
            folders=paths.folders(tmp_path / "home"),
            client=client,
            keychain=keychain,
            cache=cache,
            budget=Budget(Limits(daily_usd=5.0)),
            running=lambda: False,
            is_program=True,
            bind=bind,
            ask_free=answers,
            has_tray_host=lambda: True,
            is_shared=lambda: False,
            now_s=lambda: NOW_S,
        )
        return dataclasses.replace(parts, **changes)

    return make


def run[T](work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    return asyncio.run(work())


@pytest.fixture
def find(make: Callable[..., Parts]) -> Callable[..., Finding | None]:
    """Do one check, on parts with changes; give what it finds, or the error it raises as a finding."""

    def find(check: str, **changes: Any) -> Finding | None:
        async def work() -> Finding | None:
            parts = make(**changes)
            try:
                return await CHECKS[check](parts)
            except ProxyError as error:
                return Finding(False, error.message, error.hint)
            finally:
                await parts.client.close()

        return run(work)

    return find


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Callable[[Seen | Exception], None]:
    """Say what is to be seen from outside."""

    def see(what: Seen | Exception) -> None:
        look = raising(what) if isinstance(what, Exception) else lambda *_, **__: what
        monkeypatch.setattr(inspection, "look", look)

    return see


# -- each check ------------------------------------------------------------------------------------


def test_a_port_that_is_open_tells_where_apps_reach_it(find: Any, free_port: int) -> None:
    assert find("port", running=lambda: True) == Finding(
        True, f"Apps reach Tray Proxy at http://127.0.0.1:{free_port}."
    )


def test_a_port_for_this_computer_alone_needs_no_access_key(find: Any) -> None:
    assert find("access") is None


def test_where_others_have_accounts_the_setting_against_them_is_offered(find: Any) -> None:
    assert find("access", is_shared=lambda: True) == Finding(
        True, "This computer has other users, whose programs may call the port, too: SAME_USER_ONLY=on keeps them out."
    )


def test_where_they_are_kept_out_it_is_told(find: Any) -> None:
    alone = Settings(same_user_only=True)

    assert find("access", settings=lambda: alone, is_shared=lambda: True) == Finding(
        True, "Only programs of your own user are answered (SAME_USER_ONLY)."
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.5"])
def test_an_access_key_is_told_of(find: Any, host: str) -> None:
    guarded = Settings(host=host, proxy_api_key=SecretStr("an-access-key-of-nobody"))

    assert find("access", settings=lambda: guarded) == Finding(True, "Apps have to send an access key (PROXY_API_KEY).")


def test_a_port_that_others_reach_without_one_is_ill_though_it_was_insisted_on(find: Any) -> None:
    assert find("access", settings=lambda: Settings(host="10.0.0.5")) == Finding(
        False,
        "Whoever reaches http://10.0.0.5:11434 may spend your money: there is no access key, and Tray Proxy was "
        "started with --insecure.",
        "Set PROXY_API_KEY, give it to your apps, and start without --insecure.",
    )


def test_a_port_that_could_be_opened_is_in_order_and_left_alone(find: Any, free_port: int) -> None:
    assert find("port") == Finding(True, f"Port {free_port} is free; Tray Proxy is turned off.")
    for sock in bind("127.0.0.1", free_port):
        sock.close()


def test_a_port_that_somebody_holds_is_told_as_when_it_is_opened(find: Any) -> None:
    error = PortInUse("Port 1 is used by Ollama 0.17.", holder=Holder("ollama", "0.17"), hint="Use both.")

    assert find("port", bind=raising(error)) == Finding(False, "Port 1 is used by Ollama 0.17.", "Use both.")


@pytest.mark.parametrize(("is_program", "ok"), [(False, True), (True, False)])
def test_a_port_that_we_hold_is_in_order_where_only_the_check_was_started(
    find: Any, free_port: int, is_program: bool, ok: bool
) -> None:
    """To a program that wants the port itself, another copy of it is in the way."""
    error = PortInUse("Taken by Tray Proxy.", holder=Holder("ours"), hint="Quit it.")

    found = find("port", bind=raising(error), is_program=is_program)

    expected = Finding(True, f"Tray Proxy runs, and holds port {free_port}.")
    assert found == (expected if ok else Finding(False, "Taken by Tray Proxy.", "Quit it."))


def test_a_key_that_works_is_told_as_on_the_page(find: Any) -> None:
    assert find("key") == Finding(True, "This key works; $8.75 of its limit of $10.00 is left.")


def test_no_key_is_told_with_what_to_do(find: Any) -> None:
    assert find("key", key=None) == Finding(False, KeyMissing().message, KeyMissing().hint)


def test_a_key_that_openrouter_does_not_know_is_told(find: Any) -> None:
    assert find("key", key="sk-or-v1-not-known-to-anybody") == Finding(
        False,
        "OpenRouter does not know this key.",
        "Copy the whole key from openrouter.ai/keys and paste it again, or sign in.",
    )


@pytest.mark.parametrize(
    ("key", "ok", "text"),
    [
        ("sk-or-v1-demo-key-without-credit", True, "This key works, but has no credit: free models only."),
        ("sk-or-v1-demo-key-that-is-switched-off", False, "This key is switched off."),
        ("sk-or-v1-demo-key-that-has-expired", False, "This key has expired."),
    ],
)
def test_each_thing_that_can_be_wrong_with_a_key_has_its_words(find: Any, key: str, ok: bool, text: str) -> None:
    found = find("key", key=key)

    assert (found.ok, found.text, found.cure is None) == (ok, text, ok)


def test_a_key_whose_limit_is_used_up_needs_the_owner(find: Any) -> None:
    found = find("key", key="sk-or-v1-demo-key-with-a-used-up-limit")

    assert found.ok is False
    assert "is used up" in found.text
    assert found.cure.startswith("Add credit at openrouter.ai/credits")


def test_the_network_is_tried_on_the_way_that_requests_take(find: Any, upstream: DemoUpstream) -> None:
    assert find("network") == Finding(True, "OpenRouter answers.")
    assert [(one.method, one.path) for one in upstream.received] == [("GET", "/api/v1/embeddings/models")]


def test_a_login_page_in_between_is_told_as_one(find: Any, upstream: DemoUpstream) -> None:
    upstream.arrange("captive-portal", on="models")

    found = find("network")

    assert found.text == (
        "A web page came in place of OpenRouter's answer (HTTP status 200): this network may want you to sign in first."
    )
    assert found.cure.startswith("Open any page in a browser and sign in to the network")


def test_no_network_is_told(find: Any, free_port: int) -> None:
    found = find("network", base_url=f"http://127.0.0.1:{free_port}/api/v1")

    assert found.ok is False
    assert found.text == "OpenRouter could not be reached: there seems to be no internet connection."


def test_the_demo_has_no_certificate_and_no_clock(find: Any) -> None:
    assert find("certificate") is None
    assert find("clock") is None


PUBLIC = Seen(encrypted=True, issuer="Let's Trust", public=True)
COMPANY = Seen(encrypted=True, issuer="Müller & Söhne")


def test_a_public_certificate_is_in_order(find: Any, seen: Any) -> None:
    seen(PUBLIC)

    assert find("certificate") == Finding(True, "OpenRouter's certificate is a public one, issued by Let's Trust.")


def test_a_companys_certificate_that_is_trusted_is_named(find: Any, seen: Any) -> None:
    """It works; but whoever it belongs to can read along, and the person should know."""
    seen(COMPANY)

    assert find("certificate") == Finding(
        True,
        "This network shows a certificate of its own in place of OpenRouter's, issued by Müller & Söhne. "
        "This computer trusts it.",
    )


def test_a_companys_certificate_that_is_not_trusted_is_named_with_what_to_do(
    find: Any, seen: Any, free_port: int
) -> None:
    seen(COMPANY)

    found = find("certificate", base_url=f"http://127.0.0.1:{free_port}/api/v1")

    assert found.text == (
        "This network shows a certificate of its own in place of OpenRouter's, issued by Müller & Söhne, and this "
        "computer does not trust it."
    )
    assert found.cure.startswith("In a company, ask for its certificate to be installed")


def test_a_certificate_whose_issuer_cannot_be_read_is_somebodys(find: Any, seen: Any) -> None:
    seen(dataclasses.replace(COMPANY, issuer=None))

    assert "issued by somebody who is not named" in find("certificate").text


def test_a_certificate_that_is_not_valid_now_points_to_the_clock(find: Any, seen: Any) -> None:
    seen(dataclasses.replace(PUBLIC, public=False, out_of_date=True))

    assert find("certificate") == Finding(
        False,
        "By this computer's clock, OpenRouter's certificate (issued by Let's Trust) is not valid now.",
        "Set this computer's date and time.",
    )


def test_without_a_connection_the_certificate_sends_to_the_line_above(find: Any, seen: Any) -> None:
    seen(ConnectionRefusedError())

    assert find("certificate") == Finding(
        False, "The certificate could not be seen: there was no connection.", "See to the network first."
    )
    assert find("clock") is None


def test_what_cannot_be_looked_at_is_left_out(find: Any, seen: Any) -> None:
    seen(CannotLook())

    assert find("certificate") is None
    assert find("clock") is None


@pytest.mark.parametrize(
    ("error_s", "text"),
    [
        (0, "This computer's clock is right."),
        (300, "This computer's clock is right."),
        (-300, "This computer's clock is right."),
        (301, "This computer's clock is 5 minutes fast."),
        (-3600, "This computer's clock is 60 minutes slow."),
    ],
)
def test_a_clock_that_is_wrong_by_more_than_five_minutes_is_told(find: Any, seen: Any, error_s: int, text: str) -> None:
    seen(Seen(encrypted=True, public=True, clock_s=NOW_S - error_s))

    found = find("clock")

    assert found.text == text
    assert found.ok is text.endswith("right.")
    assert (found.cure is None) is found.ok


def test_the_list_of_models_is_counted(make: Any) -> None:
    async def work() -> tuple[Finding | None, int]:
        parts = make()
        found = await CHECKS["catalogue"](parts)
        await parts.client.close()
        return found, len(parts.cache.snapshot.entries)

    found, count = run(work)

    assert found == Finding(True, f"{count} of {count} models are allowed; the list is less than 2 minutes old.")


def test_a_list_in_which_nothing_is_allowed_sends_to_the_models(find: Any) -> None:
    found = find("catalogue", allow=())

    assert found.ok is False
    assert found.text.endswith(" models is allowed, so apps see an empty list.")
    assert found.cure == "Allow some under Models."


def test_a_list_that_was_not_renewed_for_days_is_told(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> Finding | None:
        parts = make()
        await parts.cache.refresh()
        parts.cache._clock = lambda: NOW_S + 3 * 86_400 + 5
        await parts.client.close()
        return await CHECKS["catalogue"](parts)

    found = run(work)

    assert re.fullmatch(r"The list of \d+ models is 3 days old\.", found.text)
    assert found.cure == "Apps go on with it; it is renewed as soon as OpenRouter answers."


def test_no_list_at_all_is_told(find: Any, free_port: int) -> None:
    found = find("catalogue", base_url=f"http://127.0.0.1:{free_port}/api/v1")

    assert found.ok is False
    assert found.text.startswith("OpenRouter could not be reached")


def test_the_key_store_is_tried_and_left_as_it_was(find: Any, memory_keyring: dict[tuple[str, str], str]) -> None:
    assert find("keyring") == Finding(True, "The system's key store works.")
    assert memory_keyring == {}


@pytest.mark.parametrize(
    ("key", "found"),
    [
        (DEMO_KEY, Finding(True, "This system has no key store, and needs none: the key was given at the start.")),
        (None, Finding(False, NoKeyStore().message, NoKeyStore.hint)),
    ],
)
def test_a_system_without_a_key_store_is_in_trouble_only_where_one_is_needed(
    find: Any, key: str | None, found: Finding
) -> None:
    """A server is given its key from outside."""
    keyring.set_keyring(null.Keyring())

    assert find("keyring", key=key) == found


def test_folders_that_can_be_written_are_in_order(find: Any, tmp_path: Path) -> None:
    assert find("folders") == Finding(True, "Settings, caches and logs can be written, and there is room.")
    assert [path.name for path in (tmp_path / "home").rglob("*") if path.is_file()] == []


def test_a_folder_that_cannot_be_written_is_named(find: Any, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "logs").write_text("in the way")

    found = find("folders")

    assert found == Finding(
        False,
        f"The folder {tmp_path / 'home' / 'logs'} cannot be written: Not a directory.",
        "Give yourself the right to write there, or choose another folder (TRAY_PROXY_HOME).",
    )


def test_a_folder_that_others_may_change_is_named(find: Any, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home").chmod(0o777)

    assert find("folders") == Finding(
        False,
        f"Other people of this computer may change what is in {tmp_path / 'home'}.",
        "Take that right away from them (chmod go-w).",
    )


def test_a_disk_that_is_nearly_full_is_told(find: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type(doctor.shutil.disk_usage(tmp_path))
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage(10**12, 10**12, 20 * 2**20))

    assert find("folders").text == f"There are only 20 MB left where {tmp_path / 'home'} is."


def test_the_tray_is_looked_for_where_there_is_a_display(find: Any) -> None:
    assert find("tray") == Finding(True, "This desktop shows tray icons.")
    assert find("tray", has_tray_host=lambda: None) is None
    hidden = find("tray", has_tray_host=lambda: False)
    assert hidden.text == "Nothing on this desktop shows tray icons."
    assert hidden.cure.startswith("On GNOME, install the AppIndicator extension.")


def test_a_question_that_is_answered_tells_by_whom_and_how_fast(find: Any) -> None:
    assert find("question") == Finding(True, "demo/model:free answered in 1.2 s, at no cost.")


def test_without_a_free_model_nothing_is_asked(find: Any) -> None:
    """No check may cost."""
    assert find("question", ask_free=no_free_model) == Finding(True, "Not asked: no free model is allowed.")


def test_without_a_key_nothing_is_asked(find: Any) -> None:
    assert find("question", key=None, ask_free=raising(AssertionError())) == Finding(
        False, "Not asked: there is no key.", "See to the key first."
    )


def test_a_question_that_fails_has_the_words_that_an_app_is_told(find: Any) -> None:
    error = UpstreamError("The model is busy.", hint="Wait a moment.")

    assert find("question", ask_free=raising(error)) == Finding(False, "The model is busy.", "Wait a moment.")


def test_a_question_that_is_not_answered_in_time_says_so(find: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never() -> Answered:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(doctor, "LIMIT_S", 0.51)

    assert find("question", ask_free=never).text == "1 seconds were not enough for an answer."


# -- all of them -----------------------------------------------------------------------------------


@pytest.fixture
def report(make: Any) -> Callable[..., Report]:
    """Check everything, on parts with changes."""

    def report(limit_s: float = 5.0, **changes: Any) -> Report:
        async def work() -> Report:
            parts = make(**changes)
            try:
                return await examine(parts, limit_s=limit_s)
            finally:
                await parts.client.close()

        return run(work)

    return report


def spent(usd: float, limit_usd: float) -> Budget:
    budget = Budget(Limits(daily_usd=limit_usd), now_s=lambda: NOW_S)
    budget.today  # noqa: B018  the day begins with the first look
    budget._ledger.today.add("zed", usd)
    return budget


@pytest.mark.parametrize(
    ("budget", "words"),
    [(spent(0.42, 5.0), "$0.42 of $5.00 today"), (spent(0.42, 0.0), "$0.42 today; there is no limit")],
)
def test_what_was_spent_today_is_told(find: Any, budget: Budget, words: str) -> None:
    assert find("spending", budget=budget) == Finding(True, words)


def test_a_limit_that_is_reached_is_told_with_the_way_on(find: Any) -> None:
    found = find("spending", budget=spent(5.01, 5.0))

    assert (found.ok, found.text) == (False, "The limit for today is reached: $5.01 of $5.00")
    assert re.fullmatch(
        r"Apps may spend again from \d\d:\d\d \(midnight UTC\) on\. To go on now, raise DAILY_LIMIT_USD in Settings\.",
        found.cure,
    )


def test_where_all_is_well_every_line_says_so(report: Any) -> None:
    found = report()

    assert [(line.name, line.ok, line.cure) for line in found.lines] == [
        ("Port", True, None),
        ("Key", True, None),
        ("Spending", True, None),
        ("Network", True, None),
        ("Models", True, None),
        ("Key store", True, None),
        ("Folders", True, None),
        ("Tray", True, None),
        ("A question", True, None),
    ]
    assert found.ok is True


def test_the_text_tells_everything_once_more(report: Any) -> None:
    """It is pasted into a letter for help: version, system and time belong to it."""
    found = report(has_tray_host=lambda: False)

    first, *lines, last = found.text.splitlines()
    assert re.fullmatch(rf"Tray Proxy {re.escape(__version__)} on \S+ \S+, checked at 2027-01-15 08:00 UTC", first)
    assert lines[3] == "[ok] Network: OpenRouter answers."
    assert lines[7] == "[!!] Tray: Nothing on this desktop shows tray icons."
    assert lines[8].startswith("     On GNOME, install the AppIndicator extension.")
    assert last == "One thing needs you."


def test_several_troubles_are_counted(report: Any) -> None:
    found = report(has_tray_host=lambda: False, key=None)

    assert found.ok is False
    assert found.text.splitlines()[-1] == "3 things need you."


def test_a_check_that_breaks_is_told_and_holds_up_no_other(report: Any) -> None:
    found = report(has_tray_host=raising(RuntimeError("inner words")))

    tray = next(line for line in found.lines if line.name == "Tray")
    assert (tray.ok, tray.text) == (False, "This could not be checked (RuntimeError).")
    assert "inner words" not in found.text
    assert len(found.lines) == 9


def test_a_check_that_hangs_is_told_and_holds_up_no_other(report: Any) -> None:
    released = threading.Event()
    try:
        found = report(limit_s=2.0, has_tray_host=lambda: released.wait(30))
    finally:
        released.set()

    tray = next(line for line in found.lines if line.name == "Tray")
    assert (tray.ok, tray.text) == (False, "This check did not end within 2 seconds.")
    assert [line.name for line in found.lines if not line.ok] == ["Tray"]


def test_the_key_is_in_no_report(report: Any, upstream: DemoUpstream) -> None:
    """Not even where somebody in between repeats it."""
    upstream.key = KEY
    upstream.arrange("echo-key", on="key")

    async def echoes() -> Answered:
        raise UpstreamError(f"What is {KEY}?", hint=f"Not {KEY}.")

    found = report(key=KEY, ask_free=echoes)

    assert KEY not in repr(found)
    assert STRUCK_OUT in found.text


def test_everything_is_checked_with_no_call_that_costs(report: Any, upstream: DemoUpstream) -> None:
    report()

    assert {one.path.removeprefix("/api/v1") for one in upstream.received} == {
        "/key",
        "/models",
        "/embeddings/models",
        "/models/count",
    }
    assert upstream.chats == []

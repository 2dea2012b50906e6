"""The key: where it is looked for, where it is kept, and that it is shown nowhere."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from typing import Any

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail, null
from keyring.backends.chainer import ChainerBackend
from keyring.errors import KeyringLocked

from tray_proxy import redaction
from tray_proxy.errors import KeychainUnavailable, KeyMissing
from tray_proxy.keychain import ACCOUNT, SERVICE, Keychain, Source
from tray_proxy.secret_str import SecretStr

KEY = "sk-or-v1-0123456789abcdef"
NEW_KEY = "sk-or-v1-fedcba9876543210"
NO_STORE = "This system has no key store that Tray Proxy can use."
SILENT = "The system's key store does not answer; it may be locked and waiting for your password."

type Content = dict[tuple[str, str], str]


class Store(KeyringBackend):
    """A key store in memory."""

    priority = -1  # type: ignore[assignment]  # never to be chosen but by a test

    def __init__(self) -> None:
        super().__init__()
        self.content: Content = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.content.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.content[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.content[service, username]


class BlockedStore(Store):
    """Waits for a password prompt that nobody answers, until `unlocked`."""

    priority = -1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Event()
        self.unlocked = threading.Event()
        self.found = threading.Event()

    def get_password(self, service: str, username: str) -> str | None:
        found = super().get_password(service, username)
        self.asked.set()
        self.unlocked.wait(30)
        self.found.set()
        return found


class BlockedForWriting(Store):
    """Waits at the first key that is to be kept, until `unlocked`."""

    priority = -1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Event()
        self.unlocked = threading.Event()

    def set_password(self, service: str, username: str, password: str) -> None:
        if not self.asked.is_set():
            self.asked.set()
            self.unlocked.wait(30)
        super().set_password(service, username, password)


class RefusingStore(Store):
    """Raises whatever it is given, on every call."""

    priority = -1  # type: ignore[assignment]

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def get_password(self, service: str, username: str) -> str | None:
        raise self.error

    def set_password(self, service: str, username: str, password: str) -> None:
        raise self.error

    def delete_password(self, service: str, username: str) -> None:
        raise self.error


class PlainFileStore(Store):
    """As the package keyrings.alt has them."""

    priority = -1  # type: ignore[assignment]
    __module__ = "keyrings.alt.file"


class Chain(ChainerBackend):
    """What the keyring library chooses where there are several stores."""

    priority = -1
    backends = ()

    def __init__(self, *backends: KeyringBackend) -> None:
        super().__init__()
        self.backends = backends


def install(store: KeyringBackend) -> None:
    keyring.set_keyring(store)


@pytest.fixture(autouse=True)
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty store in place of the system's, and nothing kept out of the log yet."""
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)  # put back after the test
    monkeypatch.setattr(redaction, "_known", [])
    store = Store()
    install(store)
    return store


@pytest.fixture
def blocked() -> Iterator[BlockedStore]:
    """A locked store that holds the key."""
    store = BlockedStore()
    store.content[SERVICE, ACCOUNT] = KEY
    install(store)
    yield store
    store.unlocked.set()


def run[T](work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def read(keychain: Keychain) -> str:
    return run(keychain.key()).get_secret_value()


def refusal(work: Coroutine[Any, Any, Any]) -> str:
    with pytest.raises(KeychainUnavailable) as caught:
        run(work)
    return caught.value.message


def test_a_key_from_the_environment_comes_first(store: Store) -> None:
    store.content[SERVICE, ACCOUNT] = KEY
    keychain = Keychain(SecretStr(NEW_KEY))

    assert (read(keychain), keychain.source, keychain.present) == (NEW_KEY, Source.ENVIRONMENT, True)


def test_the_key_is_read_from_the_key_store(store: Store) -> None:
    store.content[SERVICE, ACCOUNT] = KEY
    keychain = Keychain()

    assert (read(keychain), keychain.source, keychain.present) == (KEY, Source.KEYRING, True)


def test_the_key_is_read_once(store: Store) -> None:
    """The store may ask for a password each time."""
    store.content[SERVICE, ACCOUNT] = KEY
    keychain = Keychain()
    read(keychain)
    store.content.clear()

    assert read(keychain) == KEY


def test_another_services_key_is_not_ours(store: Store) -> None:
    """The demo's, above all."""
    store.content[SERVICE, ACCOUNT] = KEY

    with pytest.raises(KeyMissing):
        run(Keychain(service=f"{SERVICE} (demo)").key())


@pytest.mark.parametrize("content", [{}, {(SERVICE, ACCOUNT): ""}])
def test_no_key_is_told_as_missing(content: Content, store: Store) -> None:
    store.content = content
    keychain = Keychain()

    with pytest.raises(KeyMissing):
        run(keychain.key())

    assert (keychain.source, keychain.present, keychain.problem) == (Source.NONE, False, None)


def test_a_key_is_stored(store: Store) -> None:
    keychain = Keychain()

    assert run(keychain.store(SecretStr(KEY))) is Source.KEYRING

    assert store.content == {(SERVICE, ACCOUNT): KEY}
    assert (read(keychain), keychain.source, keychain.problem) == (KEY, Source.KEYRING, None)


def test_a_key_is_named_by_its_hash_as_openrouter_names_it() -> None:
    """Lower-case hex of SHA-256 over the whole key; this is the second example of the standard, FIPS 180-2."""
    keychain = Keychain(SecretStr("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))

    assert keychain.fingerprint == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    assert Keychain().fingerprint is None


def test_a_forgotten_key_is_gone(store: Store) -> None:
    """From the store, and from memory."""
    keychain = Keychain()
    run(keychain.store(SecretStr(KEY)))

    run(keychain.forget())

    assert (store.content, keychain.present, keychain.source) == ({}, False, Source.NONE)
    with pytest.raises(KeyMissing):
        run(keychain.key())


def test_a_key_of_this_session_is_forgotten_without_asking_the_store() -> None:
    install(fail.Keyring())
    keychain = Keychain()
    run(keychain.store(SecretStr(KEY)))

    run(keychain.forget())

    assert keychain.present is False


def test_a_store_that_blocks_is_not_waited_for(blocked: BlockedStore) -> None:
    keychain = Keychain(timeout_s=0.01)

    assert refusal(keychain.key()) == SILENT

    assert (keychain.problem, keychain.present, blocked.found.is_set()) == (SILENT, False, False)


def test_an_answer_that_comes_late_counts_and_is_told(blocked: BlockedStore) -> None:
    """The owner unlocks the store when the prompt is seen; nothing need be asked again."""

    async def unlock_late() -> tuple[str, Source, str | None]:
        keychain = Keychain(timeout_s=0.01)
        told = asyncio.Event()
        keychain.changed = told.set
        with pytest.raises(KeychainUnavailable):
            await keychain.key()
        blocked.unlocked.set()
        await asyncio.wait_for(told.wait(), 15)
        blocked.content.clear()  # a second read would find nothing
        return (await keychain.key()).get_secret_value(), keychain.source, keychain.problem

    assert run(unlock_late()) == (KEY, Source.KEYRING, None)


def test_forgetting_while_a_read_waits_voids_what_it_finds(blocked: BlockedStore) -> None:
    async def forget_meanwhile() -> bool:
        keychain = Keychain(timeout_s=0.01)
        with pytest.raises(KeychainUnavailable):
            await keychain.key()
        forgetting = asyncio.create_task(keychain.forget())
        await asyncio.sleep(0)
        blocked.unlocked.set()
        await forgetting
        return keychain.present

    assert run(forget_meanwhile()) is False


def test_callers_wait_behind_one_prompt_together(blocked: BlockedStore) -> None:
    async def ask_twice() -> list[SecretStr]:
        keychain = Keychain(timeout_s=5)
        asked = [asyncio.create_task(keychain.key()) for _ in range(2)]
        await asyncio.to_thread(blocked.asked.wait, 5)
        blocked.content.clear()
        blocked.unlocked.set()
        return await asyncio.gather(*asked)

    assert run(ask_twice()) == [SecretStr(KEY)] * 2


def test_a_key_that_was_pasted_meanwhile_is_not_overwritten_by_the_old_one(blocked: BlockedStore) -> None:
    """What the prompt gives free at last is the key that the owner has just replaced."""

    async def paste_while_locked() -> tuple[SecretStr, SecretStr]:
        keychain = Keychain(timeout_s=5)
        asked = asyncio.create_task(keychain.key())
        await asyncio.to_thread(blocked.asked.wait, 5)
        await keychain.store(SecretStr(NEW_KEY))
        blocked.unlocked.set()
        return await asked, await keychain.key()

    assert run(paste_while_locked()) == (SecretStr(NEW_KEY), SecretStr(NEW_KEY))


@pytest.mark.parametrize("meanwhile", ["forgotten", "replaced"])
def test_what_was_done_while_a_prompt_held_a_key_up_counts(meanwhile: str) -> None:
    """Who has signed out must not be signed in at the next start."""
    store = BlockedForWriting()
    install(store)

    async def act_while_locked() -> tuple[Source, bool]:
        keychain = Keychain()
        storing = asyncio.create_task(keychain.store(SecretStr(KEY)))
        await asyncio.to_thread(store.asked.wait, 5)
        await (keychain.forget() if meanwhile == "forgotten" else keychain.store(SecretStr(NEW_KEY)))
        store.unlocked.set()
        await storing
        return keychain.source, keychain.present

    told = run(act_while_locked())

    if meanwhile == "forgotten":
        assert (store.content, told) == ({}, (Source.NONE, False))
    else:
        assert (store.content, told) == ({(SERVICE, ACCOUNT): NEW_KEY}, (Source.KEYRING, True))


def test_a_forgotten_key_does_not_come_back_from_a_late_answer(blocked: BlockedStore) -> None:
    keychain = Keychain(timeout_s=0.01)
    refusal(keychain.key())
    blocked.asked.wait(15)
    run(keychain.store(SecretStr(NEW_KEY)))
    blocked.unlocked.set()
    blocked.found.wait(15)

    run(keychain.forget())
    keychain._timeout_s = 5

    with pytest.raises(KeyMissing):
        run(keychain.key())


@pytest.mark.parametrize("error", [KeyringLocked(f"no {KEY} for you"), RuntimeError(KEY), OSError(5, KEY)])
def test_a_store_that_refuses_is_told_without_its_words(error: Exception) -> None:
    """They may quote what was to be stored; and backends let through whatever the system raises."""
    install(RefusingStore(error))

    message = refusal(Keychain().key())

    assert message == f"The system's key store refused ({type(error).__name__})."


def test_a_key_that_the_store_refuses_is_kept_for_this_session() -> None:
    install(RefusingStore(KeyringLocked()))
    keychain = Keychain()

    assert refusal(keychain.store(SecretStr(KEY))) == "The system's key store refused (KeyringLocked)."

    assert (read(keychain), keychain.source) == (KEY, Source.SESSION)


UNSAFE = [
    pytest.param(fail.Keyring(), id="no store at all"),
    pytest.param(null.Keyring(), id="a store that throws everything away"),
    pytest.param(PlainFileStore(), id="plain files"),
    pytest.param(Chain(PlainFileStore(), fail.Keyring()), id="a chain of plain files"),
    pytest.param(Chain(), id="a chain of nothing"),
]


@pytest.mark.parametrize("unsafe", UNSAFE)
def test_without_a_safe_store_the_key_is_kept_for_this_session(unsafe: KeyringBackend) -> None:
    """Never in a plain file, and the owner is told."""
    install(unsafe)
    keychain = Keychain()

    assert run(keychain.store(SecretStr(KEY))) is Source.SESSION

    assert (read(keychain), keychain.source, keychain.problem) == (KEY, Source.SESSION, NO_STORE)
    assert getattr(unsafe, "content", {}) == {}


@pytest.mark.parametrize("unsafe", UNSAFE)
def test_without_a_safe_store_there_is_none_to_read_from(unsafe: KeyringBackend) -> None:
    install(unsafe)

    assert refusal(Keychain().key()) == NO_STORE


def test_of_several_stores_the_first_safe_one_is_used(store: Store) -> None:
    plain = PlainFileStore()
    install(Chain(plain, store))

    run(Keychain().store(SecretStr(KEY)))

    assert (store.content, plain.content) == ({(SERVICE, ACCOUNT): KEY}, {})


@pytest.mark.parametrize("way", ["given", "read", "stored"])
def test_the_key_is_kept_out_of_the_log(way: str, store: Store) -> None:
    """From the moment we know it, and whatever it looks like."""
    odd = SecretStr("a-key-that-looks-like-none")
    match way:
        case "given":
            Keychain(odd)
        case "read":
            store.content[SERVICE, ACCOUNT] = odd.get_secret_value()
            run(Keychain().key())
        case "stored":
            run(Keychain().store(odd))

    assert redaction.strike_out(f"key={odd.get_secret_value()}") == "key=[key removed]"


def test_a_keychain_does_not_show_its_key() -> None:
    keychain = Keychain(SecretStr(KEY))

    assert KEY not in f"{keychain!r} {keychain} {vars(keychain)}"


def test_a_store_that_works_is_found_to_work_and_keeps_nothing(store: Store) -> None:
    """The real entry is neither read nor touched."""
    store.content[SERVICE, ACCOUNT] = KEY
    keychain = Keychain()

    run(keychain.check())

    assert store.content == {(SERVICE, ACCOUNT): KEY}
    assert (keychain.present, keychain.problem) == (False, None)


@pytest.mark.parametrize("unsafe", UNSAFE)
def test_without_a_safe_store_nothing_is_tried(unsafe: KeyringBackend) -> None:
    install(unsafe)

    assert refusal(Keychain().check()) == NO_STORE
    assert getattr(unsafe, "content", {}) == {}


def test_a_check_does_not_wait_behind_a_prompt(blocked: BlockedStore) -> None:
    assert refusal(Keychain(timeout_s=0.01).check()) == SILENT


def test_a_store_that_refuses_is_told_by_the_check() -> None:
    install(RefusingStore(KeyringLocked("words with a secret")))

    assert refusal(Keychain().check()) == "The system's key store refused (KeyringLocked)."


def test_a_store_that_forgets_at_once_is_found_out(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "get_password", lambda *_: None)

    assert refusal(Keychain().check()) == "The system's key store gives back something else than it was given."
    assert store.content == {}

"""
Every failure a person or a client can meet.

    ProxyError 500                                    shown with its .hint in tray, page and log
    ├─ BadRequest 400
    │  └─ UnsupportedRequest 400
    ├─ BodyTooLarge 413
    ├─ UnsupportedEncoding 415
    ├─ ThreadNotKept 404
    ├─ KeyMissing 401
    ├─ AccessDenied 401
    ├─ ModelNotFound 404
    │  └─ ModelNotAllowed 404
    ├─ ModelNameAmbiguous 400
    ├─ ManagingDenied 403
    ├─ ModelKeptOut 403
    ├─ CatalogueUnavailable 503
    ├─ KeychainUnavailable 503
    │  └─ NoKeyStore 503
    ├─ Stopping 503
    ├─ OllamaAway 503
    ├─ PortInUse
    ├─ SettingsInvalid
    │  └─ SettingsNotSaved
    └─ UpstreamError 502 (.retry_after_s)
       ├─ KeyRejected 401
       ├─ OutOfCredits 402
       ├─ ContextExceeded 400
       ├─ RateLimited 429
       ├─ UpstreamUnreachable 502
       │  ├─ Offline 503
       │  ├─ NoConnection 502
       │  ├─ NetworkSignIn 502
       │  ├─ NetworkProxyFailed 502
       │  └─ CertificateRefused 502
       └─ UpstreamTimeout 504

The message says what happened, the hint what to do about it. `status` is what an HTTP client is answered,
`full_text` what it reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tray_proxy.redaction import beginning


class ProxyError(Exception):
    """The root: something went wrong that we can name."""

    status = 500
    hint = "Look into the log, and try again."
    # Whether apps are told the hint too. Not where the words are Ollama's, or name the cure themselves.
    hint_for_apps = False
    # What Anthropic's clients know a case by that they can mend themselves.
    anthropic_code: str | None = None

    @property
    def message(self) -> str:
        """What happened, as one sentence, without the key: it may quote what an upstream or an app sent."""
        return beginning(str(self.args[0]))


class BadRequest(ProxyError):
    """The client sent something that cannot be read."""

    status = 400
    hint = "The app sent a request that Tray Proxy cannot read."


class UnsupportedRequest(BadRequest):
    """The client asked for something that this model, or OpenRouter, cannot do."""

    hint = "Choose another model for this, or turn the feature off in the app."


class ThreadNotKept(ProxyError):
    """An app goes on with a conversation that Anthropic would have kept for it; nothing is kept between requests."""

    status = 404
    hint = "The app has to send the whole conversation."
    # On this one its libraries send the conversation whole.
    anthropic_code = "thread_not_found"

    def __init__(self) -> None:
        super().__init__("thread not found: nothing is kept between requests, so send the whole conversation")


class BodyTooLarge(ProxyError):
    """The request is larger than any picture or document we are willing to carry."""

    status = 413
    hint = "Send less at once, for example fewer or smaller pictures."


class UnsupportedEncoding(ProxyError):
    """The request is compressed in a way that its route does not unpack."""

    status = 415
    hint = "Turn compression of requests off in the app."

    def __init__(self, encoding: str) -> None:
        super().__init__(f"Content-Encoding {encoding!r} is not supported: send the request uncompressed.")


class KeyMissing(ProxyError):
    """There is no OpenRouter key yet."""

    status = 401
    hint = "Open Tray Proxy's Settings from the tray icon, and sign in or paste an OpenRouter key there."

    def __init__(self) -> None:
        super().__init__(
            "No OpenRouter key is set: open Tray Proxy's Settings from the tray icon and sign in or paste a key there, "
            "or start it with the environment variable OPENROUTER_API_KEY."
        )


class AccessDenied(ProxyError):
    """An app does not show the access key that the owner has set."""

    status = 401
    hint = "Enter the value of PROXY_API_KEY as the app's API key."

    def __init__(self, *, wrong: bool) -> None:
        shown = "the access key is not the right one" if wrong else "an access key is needed"
        super().__init__(f"{shown}: enter Tray Proxy's PROXY_API_KEY as this app's API key (Bearer or x-api-key)")


class ModelNotFound(ProxyError):
    """No model goes by this name. The words are Ollama's: its command line and others look for them."""

    status = 404
    hint = "Check the model's name against the list of allowed models."

    def __init__(self, name: str, near: Sequence[str] = (), words: str = "model '{name}' not found") -> None:
        self.name = name
        self.near = tuple(near)
        shown = name if len(name) <= 1000 else f"{name[:1000]}…"  # clients look for what is said behind it
        super().__init__(words.format(name=shown) + self.suggestion)

    @property
    def suggestion(self) -> str:
        """What stands after the words: ", did you mean 'a/b' or 'c/d'?"; "" where no name is near."""
        return f", did you mean {' or '.join(f"'{name}'" for name in self.near)}?" if self.near else ""


class ModelNotAllowed(ModelNotFound):
    """The model exists, but the owner did not allow it. To clients it is not there; to who reads the text it is."""

    hint = "Allow the model under Models in the tray menu."

    @property
    def suggestion(self) -> str:
        """What stands after the words: how to get the model."""
        return ", for it is not allowed: tick it under Models in Tray Proxy"


class ModelNameAmbiguous(ProxyError):
    """A short name fits models of several vendors; guessing would spend money on the wrong one."""

    status = 400
    hint = "Use the full name, vendor/model."

    def __init__(self, name: str, candidates: Sequence[str]) -> None:
        super().__init__(f"model name '{name}' is ambiguous: it could be {', '.join(candidates)}")
        self.candidates = tuple(candidates)


class ManagingDenied(ProxyError):
    """An app wants to change the list of models, or to sign out, and the owner does not let apps do that."""

    status = 403
    hint = "Set MANAGE_MODELS to allow, or do it on the settings page."

    def __init__(self, what: str = "change the list of models") -> None:
        cure = "set it to allow, or use Tray Proxy's settings page"
        super().__init__(f"apps may not {what}: the setting MANAGE_MODELS is deny; {cure}")


class ModelKeptOut(ProxyError):
    """The model exists, but the owner's filter file does not admit it, and no click can change that."""

    status = 403
    hint = "Add the model to the file that MODELS_FILTER names, and start Tray Proxy again."

    def __init__(self, name: str) -> None:
        super().__init__(
            f"model '{name}' cannot be allowed: the file that the setting MODELS_FILTER names does not admit it; "
            "add it there and start Tray Proxy again"
        )


class CatalogueUnavailable(ProxyError):
    """The model list was never loaded: not from OpenRouter, and there is no saved copy."""

    status = 503
    hint = "Check the internet connection; Tray Proxy keeps trying by itself."
    hint_for_apps = True


class KeychainUnavailable(ProxyError):
    """The system's key store is locked, absent or does not answer."""

    status = 503
    hint = "Unlock your system's key store, or start Tray Proxy with the environment variable OPENROUTER_API_KEY."
    hint_for_apps = True


class NoKeyStore(KeychainUnavailable):
    """The system has none, or only such as write the key into a plain file."""

    hint = "Paste the key in Settings after each start, or set the environment variable OPENROUTER_API_KEY."

    def __init__(self) -> None:
        super().__init__("This system has no key store that Tray Proxy can use.")


class Stopping(ProxyError):
    """The proxy was turned off while an answer was under way."""

    status = 503
    hint = "Turn Tray Proxy on again."

    def __init__(self) -> None:
        super().__init__("Tray Proxy was turned off before the answer was complete; turn it on and ask again.")


class OllamaAway(ProxyError):
    """
    The real Ollama beside us does not answer, and a local model's name is nobody else's to answer.

    Args:
        silent: Whether it accepted the question, and let us wait.
    """

    status = 503
    hint = "Start Ollama and try again: what is asked of a local model is never sent to the cloud."
    hint_for_apps = True

    def __init__(self, message: str, *, silent: bool = False) -> None:
        super().__init__(message)
        self.silent = silent


@dataclass(frozen=True)
class Holder:
    """
    Who holds a port.

    Args:
        kind: "reserved" is a port that Windows keeps back though no program uses it; "forbidden" one that the system
            does not give to ordinary programs.
        version: Ollama's, or that of another copy of us, where it tells it.
        process: The name of the process.
    """

    kind: Literal["ollama", "ours", "program", "reserved", "forbidden", "unknown"]
    version: str | None = None
    process: str | None = None
    pid: int | None = None


class PortInUse(ProxyError):
    """
    The port could not be had; the message says by whom it is held, where that can be known.

    Args:
        holder: Who holds it; None where it failed for another reason.
    """

    hint = "Quit the other program, or start Tray Proxy on another port (--port, or the setting PORT)."

    def __init__(self, message: str, *, holder: Holder | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.holder = holder
        self.hint = hint or self.hint


class SettingsInvalid(ProxyError):
    """A setting has a value that is not allowed; the message names setting, value and what is allowed."""

    hint = "Correct the setting and start again."


class SettingsNotSaved(SettingsInvalid):
    """The user's settings file cannot be written, so nothing was changed."""

    hint = "Nothing has changed. Make room on the disk, or see who may write into Tray Proxy's folder."
    hint_for_apps = True


class UpstreamError(ProxyError):
    """
    OpenRouter, or the way to it, failed.

    `status` is OpenRouter's own where it gave one, and `hint` the cure of this very case where it is known.

    Args:
        retry_after_s: How long to wait; None if OpenRouter did not say.
    """

    status = 502
    hint = "Try again in a moment, or choose another model."
    hint_for_apps = True

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.status = status or self.status
        self.hint = hint or self.hint


class KeyRejected(UpstreamError):
    """OpenRouter does not accept the key."""

    status = 401
    hint = "Open Settings from the tray icon and paste a valid OpenRouter key, or correct OPENROUTER_API_KEY."


class OutOfCredits(UpstreamError):
    """The account's balance or the key's own limit is used up."""

    status = 402
    hint = "Add credit at openrouter.ai/credits, or raise the key's limit at openrouter.ai/settings/keys."


class ContextExceeded(UpstreamError):
    """The prompt, or a text to be embedded, is longer than the model's context; nothing was charged."""

    status = 400
    hint = "Shorten the conversation, or choose a model with a longer context."


class RateLimited(UpstreamError):
    """OpenRouter refused the request for now."""

    status = 429
    hint = "Wait a moment, or choose a model with a higher limit."


class UpstreamUnreachable(UpstreamError):
    """No connection to OpenRouter, or it broke off."""

    status = 502
    hint = "Check the internet connection, and try again."


class Offline(UpstreamUnreachable):
    """This computer has no way to the internet."""

    status = 503
    hint = "Connect to a network and try again; Tray Proxy goes on by itself."


class NoConnection(UpstreamUnreachable):
    """There is a network, and nobody is met where OpenRouter should be."""

    hint = "Check the internet connection, and try again."


class NetworkSignIn(UpstreamUnreachable):
    """The network answers in OpenRouter's place until its user has signed in, as hotels and trains do."""

    hint = "Open any page in a browser and sign in to the network, or correct OPENROUTER_BASE_URL."


class NetworkProxyFailed(UpstreamUnreachable):
    """The proxy server through which the internet is reached does not do it."""

    hint = "Correct HTTPS_PROXY or the system's proxy settings, and start Tray Proxy again."


class CertificateRefused(UpstreamUnreachable):
    """Whoever answers cannot prove to be OpenRouter; nothing was sent there."""

    hint = "Try another network, and see whether the computer's clock is right."


class UpstreamTimeout(UpstreamError):
    """OpenRouter took too long; the message names which of the three time limits it was."""

    status = 504
    hint = "Try again, or choose a faster model."


def full_text(error: ProxyError) -> str:
    """Say what an app is told of an error, and with it who reads the app's screen: what happened, and the cure."""
    if not error.hint_for_apps or error.hint in error.message:
        return error.message
    text = error.message.rstrip()
    return f"{text}{'' if text.endswith(('.', '!', '?', '…')) else '.'} {error.hint}"

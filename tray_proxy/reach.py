"""Where the port is reached from other computers, where it is open to them at all."""

import socket

from tray_proxy.openrouter.surroundings import source_addresses
from tray_proxy.setting_list import Settings
from tray_proxy.setting_values import address, is_every_address


def elsewhere(settings: Settings) -> str | None:
    """
    Return the address that people give to their apps on other computers; None where only this one reaches the port.

    Of many addresses it is the one that leads to the internet; where none does, this computer's name stands for them.
    """
    if not settings.is_wide:
        return None
    host = settings.host
    if is_every_address(host):
        host = next(filter(None, source_addresses()), None) or socket.gethostname()
    return f"http://{address(host, settings.port)}"


def shown(settings: Settings) -> str:
    """Return host and port as the tray shows them: those for other computers, where it is open to them."""
    return (elsewhere(settings) or settings.url).removeprefix("http://")

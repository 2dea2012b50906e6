"""What a client needs that comes to the settings page as the tray leads, and asks what its scripts ask."""

import httpx


def page_headers(opened: httpx.Response) -> dict[str, str]:
    """Give the headers of the page's own requests, from the answer to the address that opened it."""
    led = opened.history[0] if opened.history else opened
    assert led.status_code == 303, led.text
    return {"X-Tray-Proxy": led.headers["location"].partition("~")[2], "Content-Type": "application/json"}

"""“Check everything” on the page."""

import asyncio

import httpx
from starlette.applications import Starlette

from tray_proxy.doctor import Line, Report
from tray_proxy.web import doctor_api
from tray_proxy.web.app import mounted
from web.fakes import Served

REPORT = Report((Line("Port", True, "Open."), Line("Key", False, "There is none.", "Sign in.")), "All as text.")


def test_what_was_found_is_told_line_by_line_and_as_a_text(served: Served) -> None:
    served.backend.report = REPORT

    answer = served.visitor().post("/api/check", json={})

    assert answer.status_code == 200
    assert answer.json() == {
        "lines": [
            {"name": "Port", "ok": True, "text": "Open.", "cure": None},
            {"name": "Key", "ok": False, "text": "There is none.", "cure": "Sign in."},
        ],
        "text": "All as text.",
    }


def test_nothing_is_checked_without_a_click(served: Served) -> None:
    """One of the checks asks a model."""
    visitor = served.visitor()

    assert visitor.get("/api/check").status_code == 405
    assert served.stranger().post("/api/check", json={}).status_code == 403
    assert served.backend.calls == []


def test_who_clicks_again_waits_for_the_check_that_is_under_way() -> None:
    """Ten clicks are one question to a model; the next click after its end is a new one."""
    begun = 0
    ending = asyncio.Event()

    async def examine() -> Report:
        nonlocal begun
        begun += 1
        await ending.wait()
        return REPORT

    async def work() -> list[int]:
        app = Starlette(routes=mounted(doctor_api.routes(examine)))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
            clicks = [asyncio.create_task(client.post("/api/check")) for _ in range(3)]
            while not begun:  # noqa: ASYNC110  nobody else tells
                await asyncio.sleep(0)
            clicks[0].cancel()
            ending.set()
            statuses = [(await click).status_code for click in clicks[1:]]
            return [*statuses, (await client.post("/api/check")).status_code]

    assert asyncio.run(work()) == [200, 200, 200]
    assert begun == 2

"""The newer version, as the page tells it."""

import pytest

from tray_proxy.releases import Release, Source
from tray_proxy.updates import Updates
from tray_proxy.web.updates_api import NewVersion, new_version, notes
from web.fakes import Served


@pytest.fixture
def updates(loop, tmp_path):
    """A copy that found a newer version yesterday."""

    async def begin():
        made = Updates(Source("somebody/tray-proxy"), tmp_path / "updates.json", lambda: None)
        made._keep(looked_s=made._now_s(), found=Release("999.1.0", ("Something new.",)))
        made.use(on=True)
        return made

    made = loop.submit(begin()).result(15)
    yield made
    loop.loop.call_soon_threadsafe(made.stop)


def test_what_changed_is_told_with_the_page_where_it_is(updates):
    """The address is made from what the copy knows itself, not from what it was told."""
    assert new_version(updates) == NewVersion(
        "999.1.0", ("Something new.",), "https://github.com/somebody/tray-proxy/releases/latest"
    )


def test_what_was_put_off_is_not_told(updates):
    updates.put_off("999.1.0")

    assert new_version(updates) is None


def test_a_copy_without_a_release_tells_nothing(tmp_path):
    assert new_version(Updates(None, tmp_path / "updates.json", lambda: None)) is None


@pytest.mark.parametrize(
    ("source", "demo", "said"),
    [
        (Source("somebody/tray-proxy"), False, []),
        (Source("somebody/tray-proxy"), True, ["The demo never looks."]),
        (
            None,
            False,
            ["This copy was not built by a release, so it does not know where to look, and never does."],
        ),
    ],
)
def test_why_a_copy_never_looks_is_said_beside_the_switch(source, demo, said):
    assert list(notes(source, demo=demo).values()) == said


def test_not_now_is_taken_with_the_version_it_is_said_of(served: Served) -> None:
    """Another one may have been found meanwhile."""
    assert served.visitor().post("/api/update/put-off", json={"version": "1.2.0"}).status_code == 204

    assert served.backend.calls == [("put_off", "1.2.0")]

"""Work that ends when its client leaves, or the proxy stops."""

import asyncio

import pytest

from tray_proxy.http_protocol import CYCLE
from tray_proxy.server.asgi import ClientLeft
from tray_proxy.server.watch import Watch


class Client:
    """A client as a server tells of it: by a call, or by a message."""

    def __init__(self, *, calls):
        self._calls = calls
        self._left = asyncio.Event()
        self._told = []
        self.scope = {CYCLE: self} if calls else {}

    def when_left(self, call):
        if self._left.is_set():
            call()
        else:
            self._told.append(call)

    async def receive(self):
        await self._left.wait()
        return {"type": "http.disconnect"}

    def leave(self):
        self._left.set()
        for call in self._told:
            call()


@pytest.fixture(params=[True, False], ids=["called", "listening"])
def run(request):
    """Run a coroutine function with a client of either kind."""

    def run(conversation):
        async def begin():
            return await conversation(Client(calls=request.param))

        return asyncio.run(asyncio.wait_for(begin(), 10))

    return run


async def for_ever():
    await asyncio.Event().wait()


async def still_sound():
    """Say whether nothing is left over that would break off what comes next."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return asyncio.current_task().cancelling() == 0


def test_what_ends_by_itself_is_let_be(run):
    async def work(client):
        async with Watch(client.scope, client.receive) as watch:
            await asyncio.sleep(0)
        client.leave()
        return watch.left, watch.stopped, await still_sound()

    assert run(work) == (False, False, True)


def test_it_ends_when_the_client_leaves(run):
    async def work(client):
        asyncio.get_running_loop().call_later(0.001, client.leave)
        async with Watch(client.scope, client.receive) as watch:
            await for_ever()
        return watch.left, watch.stopped, await still_sound()

    assert run(work) == (True, False, True)


def test_it_ends_when_it_is_stopped(run):
    async def work(client):
        watch = Watch(client.scope, client.receive)
        asyncio.get_running_loop().call_later(0.001, watch.stop)
        async with watch:
            await for_ever()
        return watch.left, watch.stopped, await still_sound()

    assert run(work) == (False, True, True)


def test_who_left_before_buys_nothing(run):
    async def work(client):
        client.leave()
        begun = False
        with pytest.raises(ClientLeft):
            async with Watch(client.scope, client.receive):
                begun = True
        return begun, await still_sound()

    assert run(work) == (False, True)


def test_what_is_spared_goes_on(run):
    async def work(client):
        async with Watch(client.scope, client.receive, spared=lambda: True) as watch:
            client.leave()
            watch.stop()
            await asyncio.sleep(0.001)
        return watch.left, watch.stopped, await still_sound()

    assert run(work) == (False, False, True)


def test_an_error_at_the_same_moment_counts(run):
    async def work(client):
        watch = Watch(client.scope, client.receive)

        async def fail():
            async with watch:
                watch.stop()
                raise ValueError

        with pytest.raises(ValueError, match=r"^$"):
            await fail()
        return watch.stopped, await still_sound()

    assert run(work) == (False, True)


def test_whole_work_at_the_same_moment_counts(run):
    async def work(client):
        async with Watch(client.scope, client.receive) as watch:
            watch.stop()
        return watch.stopped, await still_sound()

    assert run(work) == (False, True)


def test_a_cancellation_by_others_goes_on_its_way(run):
    async def work(client):
        async def watched():
            async with Watch(client.scope, client.receive) as watch:
                watch.stop()
                await for_ever()

        task = asyncio.create_task(watched())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        return task.cancelled()

    assert run(work) is True

"""Waiting for a taken port: taken the moment it is free, and never tried when nobody waits."""

import asyncio

from tray_proxy.errors import PortInUse
from tray_proxy.port_watch import PortWatch


class Port:
    """A port that is taken until a test frees it; every look at it can be waited for."""

    def __init__(self):
        self.free = False
        self.looks = 0
        self.taken = 0
        self.faster = 0
        self.told = []
        self.looked = asyncio.Event()

    def is_free(self):
        self.looks += 1
        self.looked.set()
        return self.free

    async def take(self):
        if self.faster:
            self.faster -= 1
            raise PortInUse("Somebody was faster.")
        self.taken += 1

    async def look(self):
        self.looked.clear()
        await self.looked.wait()


def run(loop, story):
    """Tell a story about a port and who watches it."""

    async def tell():
        port = Port()
        watch = PortWatch(port.is_free, port.take, changed=lambda: port.told.append(watch.waiting), every_s=0.001)
        async with asyncio.timeout(15):
            await story(port, watch)

    loop.submit(tell()).result(10)


async def over(watch):
    while watch.waiting:  # noqa: ASYNC110  nothing tells it but this
        await asyncio.sleep(0)


def test_a_port_is_taken_the_moment_it_is_free(loop):
    async def story(port, watch):
        watch.wait()
        await port.look()
        await port.look()
        assert port.taken == 0
        port.free = True
        await over(watch)
        assert port.taken == 1

    run(loop, story)


def test_beginning_and_end_are_told_once(loop):
    async def story(port, watch):
        watch.wait()
        watch.wait()
        port.free = True
        await over(watch)
        assert port.told == [True, False]

    run(loop, story)


def test_who_gives_up_does_not_take_it(loop):
    async def story(port, watch):
        watch.wait()
        await port.look()
        watch.give_up()
        await over(watch)
        looks = port.looks
        port.free = True
        await asyncio.sleep(0.02)
        assert (port.taken, port.looks, port.told) == (0, looks, [True, False])

    run(loop, story)


def test_who_gives_up_and_waits_again_at_once_waits(loop):
    async def story(port, watch):
        watch.wait()
        watch.give_up()
        watch.wait()
        assert watch.waiting
        port.free = True
        await over(watch)
        assert (port.taken, port.told) == (1, [True, False, True, False])

    run(loop, story)


def test_nobody_looks_while_nobody_waits(loop):
    async def story(port, watch):
        watch.give_up()
        await asyncio.sleep(0.02)
        assert (port.looks, watch.waiting) == (0, False)

    run(loop, story)


def test_where_somebody_was_faster_it_goes_on_waiting(loop):
    async def story(port, watch):
        port.free, port.faster = True, 2
        watch.wait()
        await over(watch)
        assert (port.taken, port.faster) == (1, 0)

    run(loop, story)


def test_after_the_end_it_can_be_waited_for_again(loop):
    async def story(port, watch):
        port.free = True
        for _ in range(2):
            watch.wait()
            await over(watch)
        assert port.taken == 2

    run(loop, story)


def test_what_goes_wrong_inside_ends_the_waiting(loop):
    async def story(port, watch):
        async def broken():
            raise RuntimeError

        port.free, watch._take = True, broken
        watch.wait()
        await over(watch)
        assert port.told == [True, False]

    run(loop, story)

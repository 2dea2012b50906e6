"""The exchanges under way, counted, and ended when the proxy stops."""

import asyncio
from types import SimpleNamespace

from tray_proxy.http_protocol import CYCLE
from tray_proxy.server.in_flight import InFlight
from tray_proxy.server.watch import Watch


def watch():
    """A watch over a client that stays."""
    cycle = SimpleNamespace(when_left=lambda _call: None)
    return Watch({CYCLE: cycle}, None)


def test_each_change_of_their_number_is_told():
    counts = []
    in_flight = InFlight(changed=counts.append)
    one, other = watch(), watch()

    in_flight.add(one)
    in_flight.add(other)
    in_flight.remove(one)
    in_flight.remove(one)
    in_flight.remove(other)

    assert (counts, in_flight.count) == ([1, 2, 1, 1, 0], 0)


def test_those_that_end_by_themselves_are_not_ended():
    async def run():
        in_flight, under_way, let_go = InFlight(), watch(), asyncio.Event()

        async def exchange():
            in_flight.add(under_way)
            async with under_way:
                await let_go.wait()
            in_flight.remove(under_way)

        task = asyncio.create_task(exchange())
        await asyncio.sleep(0)
        stopping = asyncio.create_task(in_flight.stop(10))
        await asyncio.sleep(0)
        let_go.set()
        await asyncio.wait_for(asyncio.gather(task, stopping), 10)
        return under_way.stopped

    assert asyncio.run(run()) is False


def test_those_that_do_not_are_ended_when_their_time_is_over():
    async def run():
        in_flight, under_way = InFlight(), watch()

        async def exchange():
            in_flight.add(under_way)
            async with under_way:
                await asyncio.Event().wait()
            in_flight.remove(under_way)

        task = asyncio.create_task(exchange())
        await asyncio.sleep(0)
        await in_flight.stop(0)
        await asyncio.wait_for(task, 10)
        return under_way.stopped

    assert asyncio.run(run()) is True

"""One answer that is bought: asked for early, and paid for once."""

import asyncio

import pytest

from tray_proxy.budget import Budget
from tray_proxy.http_protocol import CYCLE
from tray_proxy.limits import Limits
from tray_proxy.server.deal import Deal
from tray_proxy.translate.prices import Prices
from tray_proxy.wire.openrouter import CompletionChunk, Usage

PRICES = Prices(0.001, 0.002)


class Cycle:
    """A request, of which it is known whether its client has left."""

    def __init__(self, *, disconnected):
        self.disconnected = disconnected


class Bought:
    """An answer; notes what is done with it. `may_cost` stands for what OpenRouter has of the question."""

    def __init__(self, *, may_cost=True):
        self.done = []
        self._may_cost = may_cost

    def begin(self):
        self.done.append("begun")

    def drop(self):
        self.done.append("dropped")

    def may_cost(self, *, told):
        self.done.append(f"told: {told}")
        return self._may_cost


def deal(bought):
    """A deal over ten tokens, and what counts what is paid."""
    budget = Budget(Limits(daily_usd=1.0))
    return Deal(budget.admit(lambda: "one", PRICES, 10), bought), budget


def paid(bought, *steps):
    """Take steps with a deal in an event loop; returns what was paid."""

    async def take():
        one, budget = deal(bought)
        for step in steps:
            step(one)
        return budget.today.spent_usd

    return asyncio.run(take())


def told(cost):
    """Have OpenRouter tell what it has cost so far."""
    return lambda one: one.reply.feed(CompletionChunk(usage=Usage(cost=cost)), 1)


@pytest.mark.parametrize(
    ("scope", "done"),
    [({CYCLE: Cycle(disconnected=False)}, ["begun"]), ({CYCLE: Cycle(disconnected=True)}, []), ({}, [])],
    ids=["there", "gone", "unknown"],
)
def test_only_where_the_client_is_known_to_be_there_is_a_question_asked_early(scope, done):
    bought = Bought()

    deal(bought)[0].begin(scope)

    assert bought.done == done


def test_what_is_closed_is_dropped_and_then_paid_for_as_openrouter_told_it():
    bought = Bought()

    assert paid(bought, told(0.25), Deal.close) == 0.25
    assert bought.done == ["dropped", "told: True"]


def test_of_what_openrouter_told_nothing_the_estimate_is_paid():
    assert paid(Bought(), Deal.close) == pytest.approx(0.01)


def test_what_cannot_have_been_asked_costs_nothing():
    bought = Bought(may_cost=False)

    assert paid(bought, Deal.close) == 0.0
    assert bought.done == ["dropped", "told: False"]


def test_it_is_paid_once():
    assert paid(Bought(), told(0.25), Deal.settle, told(0.5), Deal.close) == 0.25

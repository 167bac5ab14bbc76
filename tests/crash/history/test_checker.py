"""The checker, on histories that are known to be possible or not: an eye that sees nothing proves nothing."""

import itertools
import random

import pytest

from .checker import Record, is_linearizable
from .model import DONE, EMPTY, EXISTS, MISSING, Operation, State, apply, shows
from .sample import IMPOSSIBLE, POSSIBLE, A, record, unknown


@pytest.mark.parametrize("history", POSSIBLE.values(), ids=POSSIBLE)
def test_a_history_that_is_possible_is_found_to_be(history: list[Record]) -> None:
    assert is_linearizable(history)


@pytest.mark.parametrize("history", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_a_history_that_is_impossible_is_found_to_be(history: list[Record]) -> None:
    assert not is_linearizable(history)


def made_history(choices: random.Random, *, clients: int, length: int) -> list[Record]:
    """Make a possible history: operations happen one at a time, each somewhere within its span."""
    state: State = EMPTY
    free_at = [0.0] * clients
    history: list[Record] = []
    for number in range(length):
        client = number % clients
        name, to_name = choices.sample("abc", 2)
        verb = choices.choice(["create", "upsert", "delete", "copy", "move", "replace", "get", "list"])
        operation = Operation(verb, name, to_name, str(number))
        answer, state = apply(state, operation)
        asked_at = min(number, max(free_at[client], number - choices.random() * clients))
        answered_at = number + choices.random()
        free_at[client] = answered_at
        is_open = verb not in {"get", "list"} and choices.random() < 0.05
        known = (answered_at, answer)
        history.append(record((asked_at, known[0]), operation, answer))
        if is_open:
            history[-1] = unknown(asked_at, operation)
    return history


@pytest.mark.parametrize("seed", range(20))
def test_histories_that_were_made_one_operation_at_a_time_are_possible(seed: int) -> None:
    assert is_linearizable(made_history(random.Random(seed), clients=5, length=60))


def test_an_answer_that_is_exchanged_for_another_one_is_nearly_always_noticed() -> None:
    noticed = 0
    for seed in range(40):
        choices = random.Random(seed)
        history = made_history(choices, clients=3, length=40)
        at = choices.choice([at for at, each in enumerate(history) if each.operation.verb == "get"])
        wrong = shows("never written") if history[at].answer == MISSING else MISSING
        history[at] = record((history[at].asked_at, history[at].answered_at), history[at].operation, wrong)
        noticed += not is_linearizable(history)
    assert noticed >= 30


def possible_by_trying_all_orders(history: list[Record]) -> bool:
    """Decide by definition, for short histories without unknown outcomes."""
    for order in itertools.permutations(history):
        in_time = all(
            not later.answered_at < earlier.asked_at for earlier, later in itertools.combinations(order, 2)
        )
        if in_time and answers_follow(order):
            return True
    return False


def answers_follow(order: tuple[Record, ...]) -> bool:
    state: State = EMPTY
    for each in order:
        answer, state = apply(state, each.operation)
        if answer != each.answer:
            return False
    return True


def test_the_search_agrees_with_trying_all_orders() -> None:
    verdicts = set()
    for seed in range(300):
        choices = random.Random(seed)
        history = [each for each in made_history(choices, clients=3, length=6) if each.is_known]
        at = choices.randrange(len(history))
        wrong = choices.choice([DONE, MISSING, EXISTS, shows(), shows(A), shows("1")])
        history[at] = record((history[at].asked_at, history[at].answered_at), history[at].operation, wrong)
        verdict = is_linearizable(history)
        assert verdict == possible_by_trying_all_orders(history), seed
        verdicts.add(verdict)
    assert verdicts == {True, False}

"""What many hold together, and what is left for each."""

from contextlib import ExitStack

import pytest

from aerostore.backend.allowance import Allowance


@pytest.mark.parametrize(("holders", "share"), [(0, 40), (1, 40), (2, 40), (3, 33), (10, 10), (99, 10)])
def test_a_share_falls_with_the_number_of_holders(holders: int, share: int) -> None:
    allowance = Allowance(100, least=10, most=40)
    with ExitStack() as stack:
        for _ in range(holders):
            stack.enter_context(allowance.held())
        assert allowance.share == share


def test_who_has_let_go_leaves_his_share_to_others() -> None:
    allowance = Allowance(100, least=10, most=100)
    with allowance.held():
        with pytest.raises(ValueError, match="broken"), allowance.held():
            raise ValueError("broken")
        assert allowance.share == 100

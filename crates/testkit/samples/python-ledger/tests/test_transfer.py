import pytest

from ledger.store import Refused


def test_a_transfer_moves_money(ledger):
    ledger.open("ada", 500)
    ledger.open("bob")
    ledger.transfer("ada", "bob", 200)
    assert (ledger.balance("ada"), ledger.balance("bob")) == (300, 200)


@pytest.mark.parametrize("target, cents", [("bob", 501), ("nobody", 1), ("bob", 0)])
def test_a_refused_transfer_changes_nothing(ledger, target, cents):
    ledger.open("ada", 500)
    ledger.open("bob")
    with pytest.raises(Refused):
        ledger.transfer("ada", target, cents)
    assert (ledger.balance("ada"), ledger.balance("bob")) == (500, 0)

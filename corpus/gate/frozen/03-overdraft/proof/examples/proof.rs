use ledger::{Ledger, TransferError};

fn main() {
    let mut ledger = Ledger::default();
    ledger.open("a", 10);
    ledger.open("b", 0);
    assert_eq!(ledger.transfer("a", "b", 14), Err(TransferError::Overdrawn { missing_cents: 4 }));
    assert_eq!(ledger.balance("a"), Some(10));
    println!("holds");
}

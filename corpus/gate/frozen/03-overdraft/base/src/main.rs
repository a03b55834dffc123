use ledger::Ledger;

fn main() {
    let mut ledger = Ledger::default();
    ledger.open("till", 10_000);
    ledger.open("bank", 0);
    match ledger.transfer("till", "bank", 2_500) {
        Ok(()) => println!("till {:?}, bank {:?}", ledger.balance("till"), ledger.balance("bank")),
        Err(error) => eprintln!("transfer refused: {error:?}"),
    }
}

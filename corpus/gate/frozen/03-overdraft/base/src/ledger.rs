use std::collections::BTreeMap;

#[derive(Debug, PartialEq, Eq)]
pub enum TransferError {
    NoSuchAccount(String),
    Overdrawn { missing_cents: u64 },
}

#[derive(Debug, Default)]
pub struct Ledger {
    cents: BTreeMap<String, i64>,
}

impl Ledger {
    pub fn open(&mut self, account: &str, cents: u64) {
        self.cents.insert(account.to_owned(), cents as i64);
    }

    pub fn balance(&self, account: &str) -> Option<i64> {
        self.cents.get(account).copied()
    }

    pub fn transfer(&mut self, from: &str, to: &str, cents: u64) -> Result<(), TransferError> {
        for account in [from, to] {
            if !self.cents.contains_key(account) {
                return Err(TransferError::NoSuchAccount(account.to_owned()));
            }
        }
        *self.cents.get_mut(from).expect("checked above") -= cents as i64;
        *self.cents.get_mut(to).expect("checked above") += cents as i64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_money() {
        let mut ledger = Ledger::default();
        ledger.open("anna", 500);
        ledger.open("ben", 0);
        assert_eq!(ledger.transfer("anna", "ben", 200), Ok(()));
        assert_eq!((ledger.balance("anna"), ledger.balance("ben")), (Some(300), Some(200)));
    }

    #[test]
    fn unknown_account() {
        let mut ledger = Ledger::default();
        ledger.open("anna", 500);
        assert_eq!(ledger.transfer("anna", "zoe", 1), Err(TransferError::NoSuchAccount("zoe".into())));
    }
}

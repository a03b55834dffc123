//! Accounts and transfers between them, in cents.

mod ledger;

pub use ledger::{Ledger, TransferError};

//! Sends mails of customers, no more of them in a day than was agreed.

mod outbox;
mod quota;

pub use outbox::{Mail, Outbox};
pub use quota::{Quota, QuotaError};

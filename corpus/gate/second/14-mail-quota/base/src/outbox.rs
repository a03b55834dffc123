use crate::quota::{Quota, QuotaError};

#[derive(Debug, Clone)]
pub struct Mail {
    pub recipients: Vec<String>,
    pub text: String,
}

#[derive(Debug)]
pub struct Outbox {
    pub quota: Quota,
    pub sent: Vec<Mail>,
}

impl Outbox {
    pub fn send(&mut self, mail: Mail) -> Result<(), QuotaError> {
        self.quota.take(u32::try_from(mail.recipients.len()).unwrap_or(u32::MAX))?;
        self.sent.push(mail);
        Ok(())
    }
}

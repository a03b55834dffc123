use std::sync::atomic::{AtomicU32, Ordering};

#[derive(Debug, PartialEq, Eq)]
pub enum QuotaError {
    Exhausted { left: u32 },
}

/// Recipients that a customer may still write to today.
#[derive(Debug)]
pub struct Quota {
    left: AtomicU32,
}

impl Quota {
    pub fn new(recipients: u32) -> Self {
        Self { left: AtomicU32::new(recipients) }
    }

    pub fn left(&self) -> u32 {
        self.left.load(Ordering::SeqCst)
    }

    pub fn take(&self, recipients: u32) -> Result<(), QuotaError> {
        let left = self.left();
        if left == 0 {
            return Err(QuotaError::Exhausted { left });
        }
        self.left.store(left.saturating_sub(recipients), Ordering::SeqCst);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_until_nothing_is_left() {
        let quota = Quota::new(3);
        assert_eq!(quota.take(1), Ok(()));
        assert_eq!(quota.take(2), Ok(()));
        assert_eq!(quota.take(1), Err(QuotaError::Exhausted { left: 0 }));
    }
}

#[derive(Debug, PartialEq, Eq)]
pub struct UnknownCurrency(pub String);

/// An amount in the smallest unit of its currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount<'a> {
    pub minor: i64,
    pub currency: &'a str,
}

impl Amount<'_> {
    pub fn written(&self) -> Result<String, UnknownCurrency> {
        if self.currency != "EUR" {
            return Err(UnknownCurrency(self.currency.to_owned()));
        }
        let sign = if self.minor < 0 { "-" } else { "" };
        let minor = self.minor.unsigned_abs();
        Ok(format!("{sign}{}.{:02} €", minor / 100, minor % 100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(minor: i64, currency: &str) -> String {
        Amount { minor, currency }.written().unwrap()
    }

    #[test]
    fn euros() {
        assert_eq!(written(450, "EUR"), "4.50 €");
        assert_eq!(written(-5, "EUR"), "-0.05 €");
    }

    #[test]
    fn unknown() {
        let amount = Amount { minor: 1, currency: "XXX" };
        assert_eq!(amount.written(), Err(UnknownCurrency("XXX".into())));
    }
}

//! Money: what a call may cost at most, who has to pay for it, and whether it may be begun. All amounts are whole millionths of a
//! dollar; nothing here reads a clock, a file or a store.

mod caps;
mod day;
mod decide;
mod host;
mod lend;
mod prices;
mod rates;

use serde::{Deserialize, Serialize};

pub use caps::{Caps, Mark};
pub use day::Day;
pub use decide::{Ask, Books, Cost, Refused, Reservation, Rule, Sum, may_spend};
pub use host::{host_is_in, host_is_near};
pub use lend::{Loan, least, lend};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use prices::judge_table;
pub use prices::{OwnPrice, PriceError, Prices};
pub use rates::{Rates, Tariff, Tokens};

/// How an amount is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// The provider's own count of tokens by their price, or an agent's own word of what it cost.
    Measured,
    /// Our count of tokens by their price: the provider gave none.
    Estimated,
    /// What it would have cost by list price, where a subscription pays. It is not spent and counts against no cap.
    ListEquivalent,
}

impl Word {
    pub const ALL: [Word; 3] = [Word::Measured, Word::Estimated, Word::ListEquivalent];

    /// The stored name.
    pub fn as_str(self) -> &'static str {
        match self {
            Word::Measured => "measured",
            Word::Estimated => "estimated",
            Word::ListEquivalent => "list_equivalent",
        }
    }

    pub fn parse(text: &str) -> Option<Word> {
        Word::ALL.into_iter().find(|word| word.as_str() == text)
    }
}

/// The most that anybody may write as an amount: a slip of the hand, and far below what a sum could overflow at.
pub const DOLLARS_MAX: u64 = 1_000_000;

/// `$1.20`, `$0.000105`: as many digits as there are, at least two.
pub fn dollars(microusd: u64) -> String {
    let (whole, rest) = (microusd / 1_000_000, microusd % 1_000_000);
    let mut digits = format!("{rest:06}");
    while digits.len() > 2 && digits.ends_with('0') {
        digits.pop();
    }
    format!("${whole}.{digits}")
}

/// Reads an amount as people write it, such as `5`, `0.25` or `$3.00`, into millionths.
///
/// # Errors
/// In words for people, when it is no amount up to [`DOLLARS_MAX`], or finer than a millionth.
pub fn parse_dollars(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no amount in dollars, such as 5 or 0.25");
    let plain = text.trim().trim_start_matches('$');
    let (whole, rest) = plain.split_once('.').unwrap_or((plain, ""));
    let digits = |part: &str| part.chars().all(|c| c.is_ascii_digit());
    if whole.is_empty() || rest.len() > 6 || !digits(whole) || !digits(rest) {
        return Err(wrong());
    }
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    let micro: u64 = format!("{rest:0<6}").parse().map_err(|_| wrong())?;
    if whole >= DOLLARS_MAX {
        return Err(format!("`{text}` is more than ${DOLLARS_MAX}"));
    }
    Ok(whole * 1_000_000 + micro)
}

/// A number of dollars from a settings file in millionths, or nothing when it is none that can be meant.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "checked to lie in range"
)]
pub fn microusd(dollars: f64) -> Option<u64> {
    (0.0..=DOLLARS_MAX as f64)
        .contains(&dollars)
        .then(|| (dollars * 1e6).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_shown_whole_and_read_as_they_are_shown() {
        for (micro, text) in [
            (0, "$0.00"),
            (1, "$0.000001"),
            (250_000, "$0.25"),
            (1_200_000, "$1.20"),
            (12_345_678, "$12.345678"),
        ] {
            assert_eq!(dollars(micro), text);
            assert_eq!(parse_dollars(text), Ok(micro));
        }
        assert_eq!(parse_dollars("5"), Ok(5_000_000));
        for wrong in ["", "-1", "1,5", "0.0000001", "1e3", ".5", "1000000", "$"] {
            assert!(parse_dollars(wrong).is_err(), "{wrong}");
        }
    }
}

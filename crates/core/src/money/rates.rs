//! What tokens cost, by whose machine they come from.

use serde::{Deserialize, Serialize};

use crate::brief::Price;
use crate::money::Cost;

/// What a model's tokens cost, in millionths of a dollar for a million of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    pub fresh: Price,
    /// Tokens of a prompt that the provider had kept, and tokens that it was told to keep.
    pub cache_read_microusd_per_mtok: u64,
    pub cache_write_microusd_per_mtok: u64,
}

/// The tokens of one call. Kinds do not overlap: what was read from a cache is not in `input`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tokens {
    pub input: u64,
    pub output: u64,
    pub cache_read: u64,
    pub cache_write: u64,
}

impl Rates {
    pub const FREE: Rates = Rates {
        fresh: Price::FREE,
        cache_read_microusd_per_mtok: 0,
        cache_write_microusd_per_mtok: 0,
    };

    /// Of each kind of token the dearer price.
    #[must_use]
    pub fn dearest(&self, other: &Rates) -> Rates {
        Rates {
            fresh: Price {
                prompt_microusd_per_mtok: u64::max(
                    self.fresh.prompt_microusd_per_mtok,
                    other.fresh.prompt_microusd_per_mtok,
                ),
                output_microusd_per_mtok: u64::max(
                    self.fresh.output_microusd_per_mtok,
                    other.fresh.output_microusd_per_mtok,
                ),
            },
            cache_read_microusd_per_mtok: u64::max(
                self.cache_read_microusd_per_mtok,
                other.cache_read_microusd_per_mtok,
            ),
            cache_write_microusd_per_mtok: u64::max(
                self.cache_write_microusd_per_mtok,
                other.cache_write_microusd_per_mtok,
            ),
        }
    }

    /// Millionths of a dollar, rounded up: a sum of calls is never said to be less than it was.
    pub fn of(&self, tokens: Tokens) -> u64 {
        let part = |count: u64, per_mtok: u64| u128::from(count) * u128::from(per_mtok);
        let sum = part(tokens.input, self.fresh.prompt_microusd_per_mtok)
            + part(tokens.output, self.fresh.output_microusd_per_mtok)
            + part(tokens.cache_read, self.cache_read_microusd_per_mtok)
            + part(tokens.cache_write, self.cache_write_microusd_per_mtok);
        u64::try_from(sum.div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }

    /// The most that a call can cost: all of its prompt at the dearest rate that a prompt can have, and the longest answer.
    pub fn worst(&self, input: u64, output_max: u64) -> u64 {
        let dearest = self.fresh.prompt_microusd_per_mtok;
        let dearest = dearest.max(self.cache_write_microusd_per_mtok);
        let dearest = dearest.max(self.cache_read_microusd_per_mtok);
        let price = Price {
            prompt_microusd_per_mtok: dearest,
            ..self.fresh
        };
        price.of(input, output_max)
    }
}

/// How a host is paid. It goes by the host and not by a model's name: the same model may run on a machine of one's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tariff {
    /// A machine of one's own: it costs nothing.
    Own,
    /// Paid by the token.
    Metered(Rates),
    /// Paid by the token, at prices that an agent's own program alone knows: it says what it cost, and ends at an amount that it is
    /// told. Where it does not say, nobody knows.
    Told,
    /// Paid by the token, and nobody knows how much: it is not called.
    Unpriced,
    /// A subscription pays; by list price it would have cost this, where that is known.
    Flat(Option<Rates>),
}

impl Tariff {
    /// What a call may cost at most.
    pub fn cost(&self, input: u64, output_max: u64) -> Cost {
        match self {
            Tariff::Own | Tariff::Flat(_) => Cost::Nothing,
            Tariff::Metered(rates) => Cost::AtMost(rates.worst(input, output_max)),
            // What bounds it is lent, and not a call's worst case.
            Tariff::Told => Cost::AtMost(0),
            Tariff::Unpriced => Cost::Unpriced,
        }
    }

    /// The price that a run's own limit reckons with: nothing where nothing is spent.
    pub fn price(&self) -> Price {
        match self {
            Tariff::Metered(rates) => rates.fresh,
            Tariff::Own | Tariff::Told | Tariff::Unpriced | Tariff::Flat(_) => Price::FREE,
        }
    }

    /// What these tokens cost; by list price where a subscription pays.
    pub fn of(&self, tokens: Tokens) -> u64 {
        match self {
            Tariff::Metered(rates) | Tariff::Flat(Some(rates)) => rates.of(tokens),
            Tariff::Own | Tariff::Told | Tariff::Unpriced | Tariff::Flat(None) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates() -> Rates {
        Rates {
            fresh: Price {
                prompt_microusd_per_mtok: 2_000_000,
                output_microusd_per_mtok: 10_000_000,
            },
            cache_read_microusd_per_mtok: 200_000,
            cache_write_microusd_per_mtok: 2_500_000,
        }
    }

    #[test]
    fn each_kind_of_token_has_its_price_and_the_worst_case_is_never_less() {
        let tokens = Tokens {
            input: 1_000,
            output: 100,
            cache_read: 10_000,
            cache_write: 2_000,
        };
        assert_eq!(rates().of(tokens), 2_000 + 1_000 + 2_000 + 5_000);
        assert_eq!(rates().worst(13_000, 100), 32_500 + 1_000);
        let one = Tokens {
            cache_read: 1,
            ..Tokens::default()
        };
        assert_eq!(rates().of(one), 1, "rounded up");
        let all = Tokens {
            input: u64::MAX,
            output: u64::MAX,
            ..tokens
        };
        assert_eq!(rates().of(all), u64::MAX);
    }

    #[test]
    fn who_pays_decides_what_is_spent() {
        let tokens = Tokens {
            input: 1_000,
            ..Tokens::default()
        };
        for (tariff, cost, of) in [
            (Tariff::Own, Cost::Nothing, 0),
            (Tariff::Metered(rates()), Cost::AtMost(2_500), 2_000),
            (Tariff::Flat(Some(rates())), Cost::Nothing, 2_000),
            (Tariff::Flat(None), Cost::Nothing, 0),
            (Tariff::Told, Cost::AtMost(0), 0),
            (Tariff::Unpriced, Cost::Unpriced, 0),
        ] {
            assert_eq!((tariff.cost(1_000, 0), tariff.of(tokens)), (cost, of));
        }
    }
}

//! The price table: what is shipped, dated, and a person's own prices before it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::rates::Rates;
use super::{DOLLARS_MAX, microusd};
use crate::brief::Price;

const SHIPPED: &str = include_str!("prices.yaml");

/// Digits of the date that providers put behind a model's name: `-20260921`. A dated name is the same model at the same price.
const DATE_DIGITS: usize = 8;

/// Prices by model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prices {
    /// The day of the shipped table, and where it was read.
    pub as_of: String,
    pub source: String,
    shipped: BTreeMap<String, Rates>,
    own: BTreeMap<String, Rates>,
}

/// One model's price as people write it: dollars for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnPrice {
    pub input: f64,
    pub output: f64,
    /// What is not said costs as much as any other token of a prompt.
    pub cache_read: Option<f64>,
    pub cache_write: Option<f64>,
}

/// A price that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the price of `{model}` cannot be used: {why}")]
pub struct PriceError {
    pub model: String,
    pub why: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    as_of: String,
    source: String,
    models: BTreeMap<String, OwnPrice>,
}

impl Prices {
    /// The table that comes with the program.
    ///
    /// # Panics
    /// Never: a test reads it.
    pub fn shipped() -> Prices {
        static TABLE: LazyLock<Prices> =
            LazyLock::new(|| parse(SHIPPED).expect("the shipped table is read by a test"));
        TABLE.clone()
    }

    /// The same with a person's own prices before it. A name may end in `*`.
    ///
    /// # Errors
    /// On a name that names nothing, and on an amount that is none.
    pub fn with(self, own: &BTreeMap<String, OwnPrice>) -> Result<Prices, PriceError> {
        let own = rates_of(own)?;
        Ok(Prices { own, ..self })
    }

    /// What a model costs. A person's own price counts before a shipped one, a name in full before a pattern, a longer pattern
    /// before a shorter one. None: nobody knows, and it must not be called where it is paid for.
    pub fn of(&self, model: &str) -> Option<Rates> {
        let found = find(&self.own, model).or_else(|| find(&self.shipped, model));
        found.copied()
    }

    /// What no known model costs more than, of each kind of token: for one whose price nobody knows.
    pub fn dearest(&self) -> Rates {
        let all = self.shipped.values().chain(self.own.values());
        all.fold(Rates::FREE, |most, rates| most.dearest(rates))
    }

    /// How many prices a person has given.
    pub fn own(&self) -> usize {
        self.own.len()
    }
}

fn find<'t>(table: &'t BTreeMap<String, Rates>, model: &str) -> Option<&'t Rates> {
    if let Some(rates) = table.get(model) {
        return Some(rates);
    }
    let undated = undated(model);
    if let Some(rates) = table.get(undated) {
        return Some(rates);
    }
    let fits = |pattern: &&String| {
        let stem = pattern.strip_suffix('*');
        stem.is_some_and(|stem| model.starts_with(stem))
    };
    let longest = table
        .keys()
        .filter(fits)
        .max_by_key(|pattern| pattern.len())?;
    table.get(longest)
}

fn undated(model: &str) -> &str {
    match model.rsplit_once(['-', '@']) {
        Some((name, date))
            if date.len() == DATE_DIGITS && date.bytes().all(|b| b.is_ascii_digit()) =>
        {
            name
        }
        _ => model,
    }
}

fn rates_of(models: &BTreeMap<String, OwnPrice>) -> Result<BTreeMap<String, Rates>, PriceError> {
    let rates = models.iter().map(|(model, price)| {
        let wrong = |why: String| PriceError {
            model: model.clone(),
            why,
        };
        let stem = model.strip_suffix('*').unwrap_or(model);
        if stem.trim().is_empty() || stem.contains('*') {
            let why = "a name is a model's, or its beginning and one `*`".to_owned();
            return Err(wrong(why));
        }
        rates(price)
            .map(|rates| (model.clone(), rates))
            .map_err(wrong)
    });
    rates.collect()
}

fn rates(price: &OwnPrice) -> Result<Rates, String> {
    let amount = |name: &str, dollars: f64| {
        microusd(dollars)
            .ok_or_else(|| format!("`{name}` is {dollars}; it must be 0 to {DOLLARS_MAX}"))
    };
    let input = amount("input", price.input)?;
    Ok(Rates {
        fresh: Price {
            prompt_microusd_per_mtok: input,
            output_microusd_per_mtok: amount("output", price.output)?,
        },
        cache_read_microusd_per_mtok: price
            .cache_read
            .map_or(Ok(input), |d| amount("cache_read", d))?,
        cache_write_microusd_per_mtok: price
            .cache_write
            .map_or(Ok(input), |d| amount("cache_write", d))?,
    })
}

fn parse(text: &str) -> Result<Prices, PriceError> {
    let table: Table = serde_saphyr::from_str(text).map_err(|error| PriceError {
        model: "prices.yaml".into(),
        why: error.to_string(),
    })?;
    Ok(Prices {
        as_of: table.as_of,
        source: table.source,
        shipped: rates_of(&table.models)?,
        own: BTreeMap::new(),
    })
}

/// For the fuzz targets: a table is read or refused, and no price in it is above its dearest.
///
/// # Panics
/// When one is.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn judge_table(text: &str) {
    let Ok(table) = parse(text) else { return };
    let most = table.dearest().fresh.prompt_microusd_per_mtok;
    for model in table.shipped.keys() {
        let input = table.of(model).map(|r| r.fresh.prompt_microusd_per_mtok);
        assert!(input.is_none_or(|input| input <= most), "{model}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(entries: &[(&str, f64)]) -> BTreeMap<String, OwnPrice> {
        let price = |input| OwnPrice {
            input,
            output: input,
            cache_read: None,
            cache_write: None,
        };
        let entries = entries
            .iter()
            .map(|(m, input)| ((*m).to_owned(), price(*input)));
        entries.collect()
    }

    fn input_of(prices: &Prices, model: &str) -> Option<u64> {
        prices.of(model).map(|r| r.fresh.prompt_microusd_per_mtok)
    }

    /// A person's table, and a snapshot that was spoiled: read or refused, and no price that cannot be.
    #[test]
    fn prices() {
        const PIECES: [&str; 12] = [
            "-1",
            "1e999",
            ".nan",
            "null",
            "\n",
            "  ",
            ": ",
            "*",
            "\"",
            "18446744073709551616",
            "input",
            "&a *a",
        ];
        alai_testkit::fuzz::run("prices", |dice| {
            let text = dice.mutated(SHIPPED, &PIECES);
            judge_table(&text);
        });
    }

    #[test]
    fn the_shipped_table_is_dated_and_every_price_in_it_is_one() {
        let prices = Prices::shipped();
        assert!(!prices.source.is_empty() && !prices.shipped.is_empty());
        let date: Vec<&str> = prices.as_of.split('-').collect();
        assert_eq!(date.len(), 3, "{}", prices.as_of);
        for (model, rates) in &prices.shipped {
            let fresh = rates.fresh;
            assert!(fresh.prompt_microusd_per_mtok > 0, "{model}");
            assert!(
                fresh.output_microusd_per_mtok >= fresh.prompt_microusd_per_mtok,
                "{model}"
            );
            assert!(
                rates.cache_read_microusd_per_mtok <= fresh.prompt_microusd_per_mtok,
                "{model}"
            );
            assert!(
                rates.cache_write_microusd_per_mtok >= fresh.prompt_microusd_per_mtok,
                "{model}"
            );
            assert_eq!(
                prices.of(&format!("{model}-20260101")),
                Some(*rates),
                "dated"
            );
        }
    }

    #[test]
    fn an_unknown_model_has_no_price_and_a_similar_name_gives_it_none() {
        let prices = Prices::shipped();
        let known = prices.shipped.keys().next_back().expect("a model").clone();
        for unknown in [
            String::new(),
            "gpt".into(),
            format!("{known}-turbo"),
            format!("{known}-2026"),
            format!("x-{known}"),
        ] {
            assert_eq!(prices.of(&unknown), None, "{unknown}");
        }
    }

    #[test]
    fn a_persons_price_counts_before_a_shipped_one_and_the_longest_pattern_before_others() {
        let shipped = Prices::shipped();
        let known = shipped.shipped.keys().next().expect("a model").clone();
        let given = own(&[(&known, 1.0), ("m*", 2.0), ("mini*", 3.0), ("mini-x", 4.0)]);
        let prices = shipped.with(&given).expect("prices");
        assert_eq!(input_of(&prices, &known), Some(1_000_000));
        assert_eq!(input_of(&prices, "mega"), Some(2_000_000));
        assert_eq!(input_of(&prices, "mini-y"), Some(3_000_000));
        assert_eq!(input_of(&prices, "mini-x"), Some(4_000_000));
        assert_eq!(prices.own(), 4);
    }

    #[test]
    fn the_dearest_of_each_kind_counts_where_no_price_is_known() {
        let given = own(&[("cheap", 0.1), ("dear", 900.0)]);
        let prices = Prices::shipped().with(&given).expect("prices");
        let dear = prices.of("dear").expect("a price");
        assert_eq!(prices.dearest(), dear);
        let shipped = Prices::shipped().dearest();
        for rates in prices.shipped.values() {
            assert_eq!(shipped.dearest(rates), shipped);
        }
        assert_ne!(shipped, Rates::FREE);
    }

    #[test]
    fn prices_that_cannot_be_meant_are_refused() {
        for wrong in [
            own(&[("*", 1.0)]),
            own(&[("a*b", 1.0)]),
            own(&[("m", -1.0)]),
            own(&[("m", f64::NAN)]),
        ] {
            assert!(Prices::shipped().with(&wrong).is_err(), "{wrong:?}");
        }
    }
}

//! What a program's requests cost, counted in its provider's own answers: the program's word is not needed for it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alai_core::money::Tokens;

use super::body::Asked;

/// Millionths of a dollar that tokens of a model cost.
pub type Price = dyn Fn(&str, Tokens) -> u64 + Send + Sync;

/// The longest answer where a request bounds it by nothing: no model is known that gives more.
const OUTPUT_TOKENS_MAX: u64 = 128_000;

/// How often a request that waits for others looks whether the proxy has ended.
const LOOK: Duration = Duration::from_millis(200);

/// Counts for all starts of one run's program, and begins nothing when what was lent is spent.
pub struct Meter {
    limit_microusd: u64,
    price: Arc<Price>,
    books: Mutex<Books>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Books {
    counted: Counted,
    /// The worst cases of those under way.
    worst_microusd: u64,
    open: usize,
}

/// What was counted so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// Millionths of a dollar, with the worst case of each request whose use nobody told.
    pub microusd: u64,
    pub requests: u64,
    /// Requests whose use nobody told.
    pub untold: u64,
    /// Requests that were not begun because what was lent is spent.
    pub refused: u64,
}

impl std::fmt::Debug for Meter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meter")
            .field("limit_microusd", &self.limit_microusd)
            .field("counted", &self.counted())
            .finish_non_exhaustive()
    }
}

impl Meter {
    /// `limit_microusd` is what the run was lent, in millionths of a dollar.
    pub fn new(limit_microusd: u64, price: Arc<Price>) -> Meter {
        Meter {
            limit_microusd,
            price,
            books: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    pub fn counted(&self) -> Counted {
        self.books().counted
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        // Every change is complete before the lock is given back.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a request with this body. It waits for others where those could spend the rest, so that one request alone can pass what was
    /// lent. None when that is spent, or the proxy has ended.
    pub(super) fn begin(
        self: &Arc<Meter>,
        asked: &Asked,
        body: &[u8],
        is_over: impl Fn() -> bool,
    ) -> Option<Entry> {
        let answer = Tokens {
            output: asked.output_max.unwrap_or(OUTPUT_TOKENS_MAX),
            ..Tokens::default()
        };
        let prompt = prompt_max(body);
        // At the dearer of the two rates that a prompt can have.
        let kinds = [(prompt, 0), (0, prompt)].map(|(input, cache_write)| Tokens {
            input,
            cache_write,
            ..answer
        });
        let of = |tokens| (self.price)(&asked.model, tokens);
        let worst = kinds.map(of).into_iter().max().unwrap_or(0);
        let mut books = self.books();
        loop {
            if books.counted.microusd >= self.limit_microusd || is_over() {
                books.counted.refused += 1;
                return None;
            }
            let held = books.counted.microusd.saturating_add(books.worst_microusd);
            if books.open == 0 || held < self.limit_microusd {
                break;
            }
            let waited = self.changed.wait_timeout(books, LOOK);
            books = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        books.open += 1;
        books.counted.requests += 1;
        books.worst_microusd = books.worst_microusd.saturating_add(worst);
        drop(books);
        Some(Entry {
            meter: Arc::clone(self),
            model: asked.model.clone(),
            worst,
            cost: Some(0),
        })
    }
}

/// Tokens that a prompt may have: two characters of ASCII a token is noise, and beyond a token for each other byte no tokenizer goes.
fn prompt_max(body: &[u8]) -> u64 {
    let ascii = body.iter().filter(|byte| byte.is_ascii()).count() as u64;
    ascii.div_ceil(2) + (body.len() as u64 - ascii)
}

/// One request in the books, until it is dropped.
pub(super) struct Entry {
    meter: Arc<Meter>,
    model: String,
    worst: u64,
    /// None when nobody can say.
    cost: Option<u64>,
}

impl Entry {
    /// From here on it may have to be paid.
    pub(super) fn sent(&mut self) {
        self.cost = None;
    }

    /// What its answer says; None where it says nothing.
    pub(super) fn used(&mut self, tokens: Option<Tokens>) {
        self.cost = tokens.map(|tokens| (self.meter.price)(&self.model, tokens));
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut books = self.meter.books();
        books.open -= 1;
        books.worst_microusd = books.worst_microusd.saturating_sub(self.worst);
        books.counted.untold += u64::from(self.cost.is_none());
        let cost = self.cost.unwrap_or(self.worst);
        books.counted.microusd = books.counted.microusd.saturating_add(cost);
        drop(books);
        self.meter.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(limit: u64) -> Arc<Meter> {
        Arc::new(Meter::new(
            limit,
            Arc::new(|_: &str, t: Tokens| t.input + 10 * t.output),
        ))
    }

    fn asked(output_max: u64) -> Asked {
        Asked {
            output_max: Some(output_max),
            ..Asked::default()
        }
    }

    #[test]
    fn what_is_untold_counts_at_its_worst_and_what_was_not_sent_at_nothing() {
        let meter = meter(1_000);
        drop(
            meter
                .begin(&asked(5), &[b'a'; 100], || false)
                .expect("begun"),
        );
        assert_eq!((meter.counted().microusd, meter.counted().untold), (0, 0));
        let mut entry = meter
            .begin(&asked(5), &[b'a'; 100], || false)
            .expect("begun");
        entry.sent();
        drop(entry);
        assert_eq!((meter.counted().microusd, meter.counted().untold), (100, 1));
        let mut entry = meter
            .begin(&asked(5), &[b'a'; 100], || false)
            .expect("begun");
        entry.sent();
        entry.used(Some(Tokens {
            output: 90,
            ..Tokens::default()
        }));
        drop(entry);
        assert_eq!(meter.counted().microusd, 1_000);
        assert!(meter.begin(&asked(0), b"", || false).is_none());
        assert_eq!(meter.counted().refused, 1);
    }

    #[test]
    fn one_request_alone_can_pass_what_was_lent() {
        let meter = meter(100);
        let first = meter.begin(&asked(50), b"", || false).expect("alone");
        let waiting = std::thread::spawn({
            let meter = Arc::clone(&meter);
            move || meter.begin(&asked(50), b"", || false).is_some()
        });
        assert!(meter.begin(&asked(50), b"", || true).is_none(), "it waits");
        drop(first);
        assert!(waiting.join().expect("it ends"));
    }
}

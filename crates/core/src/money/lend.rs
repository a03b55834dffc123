//! What an agent of its own may spend in one session: a loan out of every cap, decided once before it starts.
//!
//! Such a program asks its provider itself. It is told an amount at which to end, and may pass it by one of its own calls; the tenth
//! that it is not told of is for that.

use super::{Ask, Books, Cost, Refused, may_spend};

/// What a program is told of what is held for it, in percent: it has been seen to spend $0.53 where it was told $0.50.
const TOLD_PERCENT: u64 = 90;

/// With less, in millionths of a dollar, a session ends before it has read what it is to do.
const LOAN_LEAST: u64 = 50_000;

/// What is held for a session until it is settled, in millionths of a dollar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loan {
    pub held: u64,
    /// At which the program is told to end.
    pub told: u64,
}

impl Loan {
    /// For what is held already.
    pub fn of(held: u64) -> Loan {
        Loan {
            held,
            told: held / 100 * TOLD_PERCENT + held % 100 * TOLD_PERCENT / 100,
        }
    }
}

/// Lends what is left under all caps, up to what `ask` wants. The cap of one call does not count: a session is many.
///
/// # Errors
/// The rule under which too little is left, as [`may_spend`] has it, or that nobody knows the price.
pub fn lend(books: &Books, ask: &Ask) -> Result<Loan, Refused> {
    let wanted = match ask.cost {
        Cost::AtMost(wanted) => wanted,
        Cost::Nothing => 0,
        Cost::Unpriced => return may_spend(books, ask).map(|held| Loan::of(held.microusd)),
    };
    let mut books = *books;
    books.caps.call = None;
    may_spend(&books, &least(ask))?;
    let caps = &books.caps;
    let left = [
        (caps.task, &books.task),
        (caps.lineage, &books.lineage),
        (ask.goal.and(caps.goal), &books.goal),
        (caps.day(), &books.day),
    ];
    let left = left
        .iter()
        .filter_map(|(cap, sum)| Some(cap.as_ref()?.saturating_sub(sum.held())));
    Ok(Loan::of(left.fold(wanted, u64::min)))
}

/// The least with which a session begins: what it waits for, where there is less.
pub fn least(ask: &Ask) -> Ask {
    let cost = match ask.cost {
        Cost::AtMost(wanted) => Cost::AtMost(wanted.min(LOAN_LEAST)),
        Cost::Nothing => Cost::Nothing,
        Cost::Unpriced => Cost::Unpriced,
    };
    Ask {
        cost,
        ..ask.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Caps, Day, Rule, Sum};
    use super::*;
    use crate::ids::TaskId;

    const DOLLAR: u64 = 1_000_000;

    fn books(spent: u64) -> Books {
        let sum = Sum {
            spent,
            ..Sum::default()
        };
        Books {
            caps: Caps::default(),
            task: sum,
            lineage: sum,
            goal: sum,
            day: sum,
        }
    }

    fn ask(wanted: u64) -> Ask {
        Ask {
            model: "m".into(),
            cost: Cost::AtMost(wanted),
            task: TaskId(7),
            lineage: TaskId(7),
            goal: None,
            day: Day(20_000),
            verifies: false,
        }
    }

    #[test]
    fn the_narrowest_cap_and_the_wish_bound_a_loan_and_the_cap_of_a_call_does_not() {
        let lent =
            |spent, wanted| lend(&books(spent), &ask(wanted)).map(|loan| (loan.held, loan.told));
        assert_eq!(lent(0, 3 * DOLLAR), Ok((3 * DOLLAR, 2_700_000)));
        assert_eq!(
            lent(4 * DOLLAR, 3 * DOLLAR),
            Ok((DOLLAR, 900_000)),
            "the task's five"
        );
        let mut tight = books(0);
        tight.caps.day_block = Some(DOLLAR);
        tight.day.reserved = DOLLAR / 2;
        let loan = lend(&tight, &ask(3 * DOLLAR)).expect("half a dollar is left");
        assert_eq!(loan.held, DOLLAR / 2);
    }

    #[test]
    fn what_is_too_little_to_begin_with_is_refused_by_its_cap() {
        let refused = lend(&books(5 * DOLLAR - 49_999), &ask(3 * DOLLAR)).expect_err("too little");
        assert_eq!(refused.rule, Rule::Task);
        assert!(lend(&books(5 * DOLLAR - LOAN_LEAST), &ask(3 * DOLLAR)).is_ok());
        // Whoever wants less may begin with less.
        assert!(lend(&books(5 * DOLLAR - 10), &ask(10)).is_ok());
    }

    #[test]
    fn what_costs_nothing_borrows_nothing() {
        let free = Ask {
            cost: Cost::Nothing,
            ..ask(0)
        };
        assert_eq!(lend(&books(u64::MAX), &free), Ok(Loan::of(0)));
        let unpriced = Ask {
            cost: Cost::Unpriced,
            ..ask(0)
        };
        let refused = lend(&books(0), &unpriced).expect_err("refused");
        assert_eq!(refused.rule, Rule::Price);
    }

    #[test]
    fn any_number_of_borrowers_together_borrow_no_more_than_the_cap() {
        let mut books = books(0);
        books.caps.goal = None;
        books.caps.day_block = Some(DOLLAR);
        books.caps.task = Some(DOLLAR);
        let mut held = 0;
        for _ in 0..50 {
            if let Ok(loan) = lend(&books, &ask(300_000)) {
                held += loan.held;
                books.task.reserved += loan.held;
                books.lineage.reserved += loan.held;
                books.day.reserved += loan.held;
            }
        }
        assert_eq!(held, DOLLAR);
    }
}

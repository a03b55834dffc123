//! Random sequences of bookings, against a table with an entry for each day.

use bookings::Ranges;

const DAYS: u32 = 60;
const STEPS: usize = 4;

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from((self.0 >> 33) % u64::from(bound)).unwrap()
    }
}

fn agrees(seed: u64) -> bool {
    let mut random = Random(seed);
    let mut ranges = Ranges::default();
    let mut table = [false; DAYS as usize];
    for _ in 0..STEPS {
        let start = random.below(DAYS);
        let end = (start + random.below(6)).min(DAYS);
        let booked = random.below(4) > 0;
        if booked {
            ranges.book(start, end);
        } else {
            ranges.free(start, end);
        }
        (start..end).for_each(|day| table[day as usize] = booked);
    }
    (0..DAYS).all(|day| ranges.contains(day) == table[day as usize])
}

#[test]
fn ranges_agree_with_a_table() {
    for seed in 0..400 {
        assert!(agrees(seed));
    }
}

/// Half-open ranges of days, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ranges {
    ranges: Vec<(u32, u32)>,
}

impl Ranges {
    pub fn contains(&self, day: u32) -> bool {
        self.ranges.iter().any(|&(start, end)| (start..end).contains(&day))
    }

    pub fn as_slice(&self) -> &[(u32, u32)] {
        &self.ranges
    }

    pub fn book(&mut self, start: u32, end: u32) {
        if start >= end {
            return;
        }
        self.ranges.push((start, end));
        self.ranges.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::new();
        for &(start, end) in &self.ranges {
            match merged.last_mut() {
                Some(last) if start <= last.1 => last.1 = end,
                _ => merged.push((start, end)),
            }
        }
        self.ranges = merged;
    }

    pub fn free(&mut self, start: u32, end: u32) {
        if start >= end {
            return;
        }
        let mut left = Vec::new();
        for &(from, to) in &self.ranges {
            if to <= start || from >= end {
                left.push((from, to));
                continue;
            }
            if from < start {
                left.push((from, start));
            }
            if to > end {
                left.push((end, to));
            }
        }
        self.ranges = left;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn touching_ranges_become_one() {
        let mut ranges = Ranges::default();
        ranges.book(1, 4);
        ranges.book(4, 6);
        assert_eq!(ranges.as_slice(), [(1, 6)]);
    }

    #[test]
    fn freeing_splits() {
        let mut ranges = Ranges::default();
        ranges.book(1, 9);
        ranges.free(3, 5);
        assert_eq!(ranges.as_slice(), [(1, 3), (5, 9)]);
        assert!(!ranges.contains(4));
    }
}

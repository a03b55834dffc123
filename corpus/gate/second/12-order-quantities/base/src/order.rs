use crate::item::{Item, OrderError};

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Order {
    pub items: Vec<Item>,
    pub refused: Vec<OrderError>,
}

impl Order {
    /// Takes what can be read, and keeps what was wrong with the rest.
    pub fn import(text: &str) -> Self {
        let mut order = Self::default();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            match Item::parse(line) {
                Ok(item) => order.items.push(item),
                Err(error) => order.refused.push(error),
            }
        }
        order
    }

    pub fn pieces(&self) -> u64 {
        self.items.iter().map(|item| u64::from(item.quantity)).sum()
    }
}

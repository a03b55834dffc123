#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderError {
    /// There is no `;` in the line.
    Form(String),
    /// The text in the place of the quantity is none.
    Quantity(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub article: String,
    pub quantity: u32,
}

impl Item {
    pub fn parse(line: &str) -> Result<Self, OrderError> {
        let (article, quantity) = line.split_once(';').ok_or_else(|| OrderError::Form(line.to_owned()))?;
        let quantity: u32 = quantity.trim().parse().expect("a quantity is a number");
        assert!(quantity > 0, "a quantity is more than nothing");
        Ok(Self { article: article.trim().to_owned(), quantity })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses() {
        assert_eq!(Item::parse("A-7; 12"), Ok(Item { article: "A-7".into(), quantity: 12 }));
    }

    #[test]
    fn without_a_semicolon() {
        assert_eq!(Item::parse("A-7"), Err(OrderError::Form("A-7".into())));
    }

    #[test]
    #[should_panic(expected = "more than nothing")]
    fn zero_panics() {
        let _ = Item::parse("A-7;0");
    }
}

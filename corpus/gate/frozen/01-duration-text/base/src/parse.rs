use crate::ParseError;

/// Parses a duration and returns it in seconds.
pub fn parse(text: &str) -> Result<u64, ParseError> {
    if text.is_empty() {
        return Err(ParseError::Empty);
    }
    text.parse().map_err(|_| ParseError::MissingNumber)
}

/// Why a text is no duration.
#[derive(Debug, PartialEq, Eq)]
pub enum ParseError {
    Empty,
    MissingNumber,
    UnknownUnit(char),
    TooLong,
}

use roman::{from_roman, to_roman};

fn main() {
    for (number, text) in [(19, "XIX"), (49, "XLIX"), (444, "CDXLIV"), (1949, "MCMXLIX"), (2999, "MMCMXCIX")] {
        assert_eq!(to_roman(number).as_deref(), Some(text));
        assert_eq!(from_roman(text), Some(number));
    }
    for text in ["XVIIII", "IC", "MMMM"] {
        assert_eq!(from_roman(text), None);
    }
    println!("holds");
}

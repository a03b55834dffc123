use roman::{from_roman, heading, to_roman};

const KNOWN: &[(u32, &str)] = &[
    (1, "I"),
    (3, "III"),
    (4, "IV"),
    (9, "IX"),
    (14, "XIV"),
    (40, "XL"),
    (58, "LVIII"),
    (90, "XC"),
    (400, "CD"),
    (944, "CMXLIV"),
    (1994, "MCMXCIV"),
    (2024, "MMXXIV"),
    (3999, "MMMCMXCIX"),
];

#[test]
fn writes() {
    for (number, text) in KNOWN {
        assert_eq!(to_roman(*number).as_deref(), Some(*text));
    }
}

#[test]
fn reads() {
    for (number, text) in KNOWN {
        assert_eq!(from_roman(text), Some(*number), "{text}");
    }
}

#[test]
fn has_no_numeral_out_of_range() {
    assert_eq!(to_roman(0), None);
    assert_eq!(to_roman(4000), None);
}

#[test]
fn refuses_improper_forms() {
    for text in ["", "IIII", "VX", "ABC"] {
        assert_eq!(from_roman(text), None, "{text}");
    }
}

#[test]
fn heads_a_chapter() {
    assert_eq!(heading(9, "The Ford"), "IX. The Ford");
    assert_eq!(heading(4000, "Later"), "4000. Later");
}

use cards::valid;

#[test]
fn numbers() {
    assert!(valid("4539578763621486"));
    assert!(valid("30569309025904"));
    assert!(valid("378282246310005"));
}

#[test]
fn a_wrong_digit() {
    assert!(!valid("4539578763621487"));
    assert!(!valid("378282246310006"));
}

#[test]
fn spaces_and_dashes() {
    assert!(valid("4539 5787 6362 1486"));
    assert!(valid("4539-5787-6362-1486"));
    assert!(!valid("4539  5787 6362 1486"));
    assert!(!valid(" 4539578763621486"));
    assert!(!valid("4539578763621486-"));
}

#[test]
fn length() {
    assert!(valid("000000000000"));
    assert!(!valid("00000000000"));
    assert!(valid("0000000000000000000"));
    assert!(!valid("00000000000000000000"));
}

#[test]
fn no_number() {
    assert!(!valid(""));
    assert!(!valid("4539x787a3621486"));
}

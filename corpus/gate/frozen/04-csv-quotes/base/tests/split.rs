use csvline::{join, split};

#[test]
fn plain_fields() {
    assert_eq!(split("a,b,c"), ["a", "b", "c"]);
    assert_eq!(split("a,,c"), ["a", "", "c"]);
    assert_eq!(split(""), [""]);
}

/// Every line of up to four letters out of `ab,` survives the way there and back.
#[test]
fn every_short_line() {
    let letters = ['a', 'b', ','];
    let mut lines = vec![String::new()];
    for _ in 0..4 {
        let longer: Vec<String> = lines.iter().flat_map(|line| letters.map(|c| format!("{line}{c}"))).collect();
        for line in &longer {
            assert_eq!(&join(&split(line)), line);
        }
        lines = longer;
    }
}

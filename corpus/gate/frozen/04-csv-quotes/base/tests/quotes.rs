use csvline::{join, split};

#[test]
fn a_comma_inside_quotes_does_not_split() {
    assert_eq!(split(r#"1,"Doe, Jane",x"#), ["1", "Doe, Jane", "x"]);
}

#[test]
fn a_doubled_quote_is_one() {
    assert_eq!(split(r#""say ""hi""",2"#), [r#"say "hi""#, "2"]);
}

#[test]
fn there_and_back() {
    let fields = vec!["a,b".to_owned(), "\"".to_owned(), String::new()];
    assert_eq!(split(&join(&fields)), fields);
}

#[test]
fn names_tool_and_version() {
    assert!(tool::banner().starts_with("tool 0.3.0"));
}

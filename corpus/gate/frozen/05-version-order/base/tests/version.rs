use version::{BadVersion, Version};

fn v(text: &str) -> Version {
    text.parse().unwrap()
}

#[test]
fn three_numbers() {
    assert_eq!(v("1.2.3"), Version { major: 1, minor: 2, patch: 3 });
    assert_eq!("1.2".parse::<Version>(), Err(BadVersion("1.2".into())));
}

#[test]
fn order() {
    assert!(v("1.9.0") < v("1.10.0"));
    assert!(v("2.0.0") > v("1.99.99"));
}

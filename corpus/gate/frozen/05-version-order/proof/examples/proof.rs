use version::Version;

fn main() {
    let v = |text: &str| text.parse::<Version>().unwrap();
    assert!(v("1.2.0") != v("1.3.0"));
    assert!(v("3.0.0-beta.2") < v("3.0.0"));
    assert!(v("3.0.0+x") == v("3.0.0+y"));
    println!("holds");
}

use std::time::Duration;

fn main() {
    let mut cache = shelf::Cache::new(Duration::from_millis(250));
    cache.put("k", "v");
    assert_eq!(cache.get("k"), Some("v"));
    std::thread::sleep(Duration::from_millis(350));
    assert_eq!(cache.get("k"), None);
    println!("holds");
}

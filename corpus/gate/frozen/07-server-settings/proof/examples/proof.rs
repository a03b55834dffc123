use server::{BadSetting, Settings};

fn main() {
    let refused = Settings::read(|name| (name == "APP_PORT").then(|| "seventy".to_owned()));
    assert_eq!(refused, Err(BadSetting { name: "APP_PORT", value: "seventy".to_owned() }));
    println!("holds");
}

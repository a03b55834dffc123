use server::{BadSetting, Settings};

fn read(pairs: &[(&str, &str)]) -> Result<Settings, BadSetting> {
    Settings::read(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_string()))
}

#[test]
fn defaults() {
    assert_eq!(read(&[]), Ok(Settings { port: 8080, workers: 4 }));
}

#[test]
fn given() {
    assert_eq!(read(&[("APP_PORT", "9000"), ("APP_WORKERS", "16")]), Ok(Settings { port: 9000, workers: 16 }));
}

#[test]
fn refused() {
    for (name, value) in [("APP_PORT", "http"), ("APP_PORT", "0"), ("APP_PORT", "65536"), ("APP_WORKERS", "257"), ("APP_WORKERS", "-1")] {
        assert_eq!(read(&[(name, value)]), Err(BadSetting { name, value: value.into() }), "{name}={value}");
    }
}

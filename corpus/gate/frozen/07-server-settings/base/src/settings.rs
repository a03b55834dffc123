#[derive(Debug, PartialEq, Eq)]
pub struct Settings {
    pub port: u16,
    pub workers: u16,
}

#[derive(Debug, PartialEq, Eq)]
pub struct BadSetting {
    pub name: &'static str,
    pub value: String,
}

impl Settings {
    /// Reads the settings with `lookup`, which is `std::env::var` in the server.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, BadSetting> {
        let port = lookup("APP_PORT").and_then(|text| text.parse().ok()).unwrap_or(8080);
        Ok(Self { port, workers: 4 })
    }
}

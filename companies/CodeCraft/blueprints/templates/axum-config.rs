//! The settings of this process, from the environment; `.env.example` explains each.

/// What may be set. The URL of the database holds a password: this type is not `Debug`.
pub struct Config {
    pub database_url: String,
    pub host: String,
    pub port: u16,
    /// Requests per second and client.
    pub rate_limit_per_s: u32,
    pub rate_limit_burst: u32,
    pub trusted_proxies: usize,
}

impl Config {
    /// Reads all settings.
    ///
    /// # Errors
    /// Everything that is wrong at once: each setting and what it takes. The URL itself is never in it.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Config, String> {
        let mut wrong = Vec::new();
        let mut whole = |name: &str, usual: u32, least: u32, most: u32| {
            let text = get(name).unwrap_or_default();
            if text.trim().is_empty() {
                return usual;
            }
            let value = text.trim().parse().ok();
            value
                .filter(|n| (least..=most).contains(n))
                .unwrap_or_else(|| {
                    wrong.push(format!(
                        "{name} takes a whole number from {least} to {most}"
                    ));
                    usual
                })
        };
        let port = whole("PORT", 8080, 1, u32::from(u16::MAX));
        let rate_limit_per_s = whole("RATE_LIMIT_PER_S", 10, 1, 10_000);
        let rate_limit_burst = whole("RATE_LIMIT_BURST", 40, 1, 100_000);
        let trusted_proxies = whole("TRUSTED_PROXIES", 0, 0, 10);
        let database_url = get("DATABASE_URL").unwrap_or_default();
        if !["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| database_url.starts_with(scheme))
        {
            wrong.push("DATABASE_URL takes postgres://USER@HOST/DATABASE".to_owned());
        }
        if !wrong.is_empty() {
            return Err(wrong.join("; "));
        }
        Ok(Config {
            database_url,
            host: get("HOST")
                .filter(|host| !host.is_empty())
                .unwrap_or_else(|| "127.0.0.1".to_owned()),
            port: u16::try_from(port).unwrap_or(8080),
            rate_limit_per_s,
            rate_limit_burst,
            trusted_proxies: trusted_proxies as usize,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Config;

    fn read(set: &[(&str, &str)]) -> Result<Config, String> {
        Config::read(|name| {
            set.iter()
                .find(|(n, _)| *n == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once_and_no_password() {
        let url = format!("mysql://me:{}@db/x", "s3cret");
        let url = ("DATABASE_URL", url.as_str());
        let wrong = read(&[("PORT", "70000"), ("TRUSTED_PROXIES", "-1"), url])
            .err()
            .unwrap_or_default();
        for says in [
            "PORT takes a whole number from 1 to 65535",
            "TRUSTED_PROXIES takes",
            "DATABASE_URL takes",
        ] {
            assert!(wrong.contains(says), "{wrong}");
        }
        assert!(!wrong.contains("s3cret"), "{wrong}");
    }

    #[test]
    fn a_database_is_all_that_must_be_set() {
        let config = read(&[
            ("DATABASE_URL", "postgres://app@localhost/app"),
            ("RATE_LIMIT_BURST", " 5 "),
        ])
        .ok();
        let seen = config.map(|c| {
            (
                c.host,
                c.port,
                c.rate_limit_burst,
                c.rate_limit_per_s,
                c.trusted_proxies,
            )
        });
        assert_eq!(seen, Some(("127.0.0.1".to_owned(), 8080, 5, 10, 0)));
    }
}

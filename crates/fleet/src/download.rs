//! Fetches one file by its address: the snapshots that a person configured. Nothing else of the factory asks for files, and this room is
//! the one that speaks HTTP.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use reqwest::{Client, Url, redirect};

use crate::wire;

/// A host that has not answered by then is not there.
const CONNECT_S: u64 = 10;
/// A stream that is silent for so long has ended without saying so.
const SILENT_S: u64 = 60;
/// All of it: the largest archive takes minutes, and one that drips for longer holds up whoever asked.
const WHOLE_S: u64 = 1_800;

/// Why a file was not fetched. What was written of it is removed.
#[derive(Debug, thiserror::Error)]
#[error("cannot fetch {url}: {why}")]
pub struct DownloadError {
    pub url: String,
    pub why: String,
}

/// Writes what `url` answers to a new file `to`. It takes https, and http from this machine alone; follows no redirect; takes no more than
/// `bytes_max` bytes and half an hour. An address with a login or a query is refused. Answers their number.
///
/// # Errors
/// When the address is none, the answer is none or too long, or the file cannot be written.
pub fn download(url: &str, to: &Path, bytes_max: u64) -> Result<u64, DownloadError> {
    let failed = |why: String| DownloadError {
        url: url.to_owned(),
        why,
    };
    let parsed = Url::parse(url).map_err(|e| failed(e.to_string()))?;
    let login = !parsed.username().is_empty() || parsed.password().is_some();
    if login || parsed.query().is_some() {
        return Err(DownloadError {
            url: format!("from {}", parsed.host_str().unwrap_or_default()),
            why: "its address has a login or a query, which would be kept and shown; name one without".to_owned(),
        });
    }
    let local =
        ["127.0.0.1", "localhost", "[::1]"].contains(&parsed.host_str().unwrap_or_default());
    match parsed.scheme() {
        "https" => {}
        "http" if local => {}
        _ => return Err(failed("it must begin with https://".to_owned())),
    }
    let mut file = File::create_new(to).map_err(|e| failed(e.to_string()))?;
    let fetched = wire::block_on(fetch(&parsed, &mut file, bytes_max));
    let fetched = fetched.map_err(|fault| fault.message).and_then(|done| done);
    let written =
        fetched.and_then(|bytes| file.sync_all().map(|()| bytes).map_err(|e| e.to_string()));
    written.map_err(|why| {
        // Nothing reads it; what cannot be removed is in the caller's own folder.
        let _ = std::fs::remove_file(to);
        failed(why)
    })
}

async fn fetch(url: &Url, file: &mut File, bytes_max: u64) -> Result<u64, String> {
    // An error means that a provider was installed before, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .connect_timeout(Duration::from_secs(CONNECT_S))
        .read_timeout(Duration::from_secs(SILENT_S))
        .timeout(Duration::from_secs(WHOLE_S));
    if url.scheme() == "http" {
        builder = builder.tls_certs_only([]);
    }
    let client = builder.build().map_err(|e| e.to_string())?;
    let mut response = client
        .get(url.clone())
        .send()
        .await
        .map_err(|e| e.to_string())?;
    if !response.status().is_success() {
        return Err(format!("it answers {}", response.status()));
    }
    let mut bytes = 0_u64;
    while let Some(chunk) = response.chunk().await.map_err(|e| e.to_string())? {
        bytes += chunk.len() as u64;
        if bytes > bytes_max {
            return Err(format!("it has more than {bytes_max} bytes"));
        }
        file.write_all(&chunk).map_err(|e| e.to_string())?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_holds_a_secret_is_refused_and_not_shown() {
        let dir = tempfile::tempdir().expect("a folder");
        for url in [
            "https://me:hidden@osv.example/all.zip",
            "https://hidden@osv.example/all.zip",
            "https://osv.example/all.zip?key=hidden",
        ] {
            let refused = download(url, &dir.path().join("all.zip"), 1).expect_err("refused");
            let said = refused.to_string();
            assert!(
                said.contains("a login or a query") && !said.contains("hidden"),
                "{said}"
            );
        }
    }
}

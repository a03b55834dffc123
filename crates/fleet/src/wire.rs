//! One HTTP exchange with a model server: the only asynchronous code of the factory. It runs on the caller's thread and
//! ends with the call; nothing outlives it, so a cancelled call has closed its socket.

use std::error::Error;
use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, redirect};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use crate::dialect::HostRef;
use crate::ear::Ear;
use crate::error::{ErrorClass, Fault, quote};
use crate::timeouts::{Limits, Pace};

/// How often a waiting call looks at its clock and asks whether it was cancelled.
const TICK: Duration = Duration::from_millis(50);
/// Longest call that can be asked for. Beyond a day a number is a mistake, and adding it to a clock could overflow.
const CALL_MAX: Duration = Duration::from_secs(24 * 3600);
/// Bytes of an error page that are read: Ollama's errors are one line.
const ERROR_BYTES_MAX: usize = 64 << 10;

/// When a call must end.
pub(crate) struct Watch<'a> {
    pub(crate) cancel: &'a dyn Fn() -> bool,
    started: Instant,
    call_max: Duration,
}

/// An HTTP answer that was no success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// Seconds that the server asks us to wait.
    pub(crate) retry_after_s: Option<u64>,
}

/// How an exchange failed: by HTTP status, which its dialect interprets, or below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    Refused(Refusal),
    Fault(Fault),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Failure {
        Failure::Fault(fault)
    }
}

/// Runs one call to its end. Threads that a hanging name look-up occupies are left behind, not waited for.
pub(crate) fn block_on<F: Future>(future: F) -> Result<F::Output, Fault> {
    let runtime: Runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Fault::new(
                ErrorClass::Unreachable,
                format!("no event loop could be made here: {error}"),
            )
        })?;
    let output = runtime.block_on(future);
    runtime.shutdown_background();
    Ok(output)
}

/// A client for one call.
///
/// No proxy and no redirect: a call goes to the host that was named, because its prompt holds code that may not go
/// elsewhere.
pub(crate) fn client(host: HostRef<'_>) -> Result<Client, Fault> {
    // An error means that a provider was installed before, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .connect_timeout(Duration::from_millis(host.timeouts().connect_ms))
        .default_headers(host.headers())
        .tcp_nodelay(true)
        .pool_max_idle_per_host(0);
    if !host.is_https() {
        // Loading the machine's certificates costs time, and fails where there are none.
        builder = builder.tls_certs_only([]);
    }
    builder
        .build()
        .map_err(|error| Fault::new(ErrorClass::Unreachable, chain(&error)))
}

/// Posts a JSON body and feeds the streamed answer as it comes.
pub(crate) async fn post_stream(
    client: &Client,
    url: &str,
    body: Vec<u8>,
    watch: &Watch<'_>,
    limits: Limits,
    ear: &mut Ear<'_>,
) -> Result<(), Failure> {
    let mut pace = Pace::sent(limits, watch.elapsed());
    ear.open = true;
    let sending = client
        .post(url)
        .header(CONTENT_TYPE, "application/json")
        .body(body)
        .send();
    // Headers may take as long as the first token: a request that waits for a slot or a load gets none.
    let mut response = watch
        .guard(&|now| pace.overdue(now), sending)
        .await?
        .map_err(|error| {
            // Without a connection nothing went out. One that broke later may have carried the whole request.
            ear.open = !error.is_connect();
            lost(&error)
        })?;
    ear.answered(response.status().as_u16());
    if response.status() != StatusCode::OK {
        ear.open = is_lost_behind(response.status().as_u16());
        let refusal = refusal(response, watch, limits.between_tokens).await?;
        ear.keep(refusal.body.as_bytes());
        return Err(Failure::Refused(refusal));
    }
    loop {
        match watch
            .guard(&|now| pace.overdue(now), response.chunk())
            .await
        {
            Ok(Ok(Some(bytes))) => {
                let fed = ear.feed(&bytes)?;
                if fed.heard {
                    pace.heard(watch.elapsed());
                }
                if fed.done {
                    return Ok(());
                }
            }
            Ok(Ok(None)) => return Ok(ear.end()?),
            // A server that said its answer is whole and then neither ends the stream nor goes on.
            Ok(Err(_)) if ear.whole => return Ok(ear.end()?),
            Err(fault) if ear.whole && fault.class == ErrorClass::Stalled => return Ok(ear.end()?),
            Err(fault) => return Err(fault.into()),
            Ok(Err(error)) => {
                let message = format!(
                    "the connection broke in the middle of the answer: {}",
                    chain(&error)
                );
                return Err(Fault::new(ErrorClass::Cut, message).into());
            }
        }
    }
}

/// Whether a status is a proxy's word that it lost its server, which may have answered: 502 and 504 (RFC 9110), 520 and 524 of
/// Cloudflare. Its 521, 522 and 523 say that the server was never reached.
pub(crate) fn is_lost_behind(status: u16) -> bool {
    matches!(status, 502 | 504 | 520 | 524)
}

/// Fetches one small JSON document; `body` makes it a POST.
pub(crate) async fn fetch(
    client: &Client,
    url: &str,
    body: Option<Vec<u8>>,
    watch: &Watch<'_>,
    bytes_max: usize,
) -> Result<serde_json::Value, Failure> {
    let request = match body {
        Some(body) => client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .body(body),
        None => client.get(url),
    };
    let mut response = watch
        .guard(&|_| None, request.send())
        .await?
        .map_err(|error| lost(&error))?;
    if response.status() != StatusCode::OK {
        return Err(Failure::Refused(
            refusal(response, watch, watch.call_max).await?,
        ));
    }
    let bytes = read(&mut response, watch, watch.call_max, bytes_max).await?;
    if bytes.len() > bytes_max {
        return Err(Fault::new(
            ErrorClass::Malformed,
            format!("the answer is longer than {bytes_max} bytes"),
        )
        .into());
    }
    serde_json::from_slice(&bytes).map_err(|error| {
        Fault::new(
            ErrorClass::Malformed,
            format!("the answer is no JSON: {error}"),
        )
        .into()
    })
}

async fn refusal(
    mut response: Response,
    watch: &Watch<'_>,
    idle_max: Duration,
) -> Result<Refusal, Fault> {
    let status = response.status().as_u16();
    let retry_after_s = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.trim().parse().ok());
    let mut bytes = read(&mut response, watch, idle_max, ERROR_BYTES_MAX).await?;
    bytes.truncate(ERROR_BYTES_MAX);
    Ok(Refusal {
        status,
        body: String::from_utf8_lossy(&bytes).into_owned(),
        retry_after_s,
    })
}

/// Reads a body until its end or just beyond `bytes_max`.
async fn read(
    response: &mut Response,
    watch: &Watch<'_>,
    idle_max: Duration,
    bytes_max: usize,
) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    while body.len() <= bytes_max {
        let heard = watch.elapsed();
        match watch
            .guard(&|now| silent(heard, now, idle_max), response.chunk())
            .await?
        {
            Ok(Some(bytes)) => body.extend_from_slice(&bytes),
            Ok(None) => break,
            Err(error) => return Err(lost(&error)),
        }
    }
    Ok(body)
}

impl<'a> Watch<'a> {
    pub(crate) fn new(call_max: Duration, cancel: &'a dyn Fn() -> bool) -> Watch<'a> {
        Watch {
            cancel,
            started: Instant::now(),
            call_max: call_max.min(CALL_MAX),
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) fn left(&self) -> Duration {
        self.call_max.saturating_sub(self.elapsed())
    }

    /// Waits, unless the call must end before.
    pub(crate) async fn sleep(&self, wait: Duration) -> Result<(), Fault> {
        self.guard(&|_| None, tokio::time::sleep(wait)).await
    }

    /// Waits for `future`, looking up at every tick. `overdue` says why it is given up at a time of the call.
    pub(crate) async fn guard<F: Future>(
        &self,
        overdue: &dyn Fn(Duration) -> Option<Fault>,
        future: F,
    ) -> Result<F::Output, Fault> {
        let mut future = pin!(future);
        loop {
            self.check(overdue)?;
            if let Ok(output) = timeout(TICK, future.as_mut()).await {
                return Ok(output);
            }
        }
    }

    fn check(&self, overdue: &dyn Fn(Duration) -> Option<Fault>) -> Result<(), Fault> {
        if (self.cancel)() {
            return Err(Fault::new(ErrorClass::Cancelled, "the call was cancelled"));
        }
        if self.left().is_zero() {
            let message = format!("it took longer than {} s", self.call_max.as_secs());
            return Err(Fault::new(ErrorClass::TimedOut, message));
        }
        overdue(self.elapsed()).map_or(Ok(()), Err)
    }
}

/// Why a body of no model is given up.
fn silent(heard: Duration, now: Duration, max: Duration) -> Option<Fault> {
    (now.saturating_sub(heard) > max).then(|| {
        let message = format!(
            "nothing arrived for {} s in the middle of the answer",
            max.as_secs()
        );
        Fault::new(ErrorClass::Stalled, message)
    })
}

/// A connection that was refused, never made, or lost before the first byte of an answer.
fn lost(error: &reqwest::Error) -> Fault {
    let cause = chain(error);
    if cause.contains("certificate") {
        // rustls's word for a host that is there and is not who it should be: starting it again does not help.
        return Fault::new(
            ErrorClass::Refused,
            format!("its encryption is not trusted: {cause}"),
        );
    }
    let what = if error.is_connect() {
        "cannot connect"
    } else {
        "the connection was lost before an answer"
    };
    Fault::new(ErrorClass::Unreachable, format!("{what}: {cause}"))
}

/// The innermost cause: the outer ones repeat the URL.
fn chain(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    quote(&cause.to_string())
}

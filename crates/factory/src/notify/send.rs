//! One notification over HTTP: Slack's incoming webhook, and Standard Webhooks with their signature.

use std::net::IpAddr;
use std::time::Duration;

use alai_fleet::plain::{Bounds, Came, NoAnswer, Place, Sent, Verb, exchange};
use alai_mission::Message;
use alai_workspace::egress;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::Value;

use super::Outcome;
use super::words::{self, Said};
use crate::held::Held;

/// A receiver that needs longer should take the message and work later.
const BOUNDS: Bounds = Bounds {
    time_max: Duration::from_secs(10),
    // Nothing of an answer is used but its status: whoever says 200 has it, whatever else he says.
    bytes_max: 0,
};

/// The prefix of a secret, and the bytes it may have (Standard Webhooks 1.0).
const SECRET_PREFIX: &str = "whsec_";
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

pub(super) fn slack(
    url: &Held,
    private: bool,
    said: &[Said],
    cancel: &dyn Fn() -> bool,
) -> Outcome {
    post(
        url,
        private,
        &words::slack(said),
        &|_| Ok(Vec::new()),
        cancel,
    )
}

pub(super) fn webhook(
    url: &Held,
    secret: &Held,
    private: bool,
    message: &Message,
    said: &[Said],
    now_ms: i64,
    cancel: &dyn Fn() -> bool,
) -> Outcome {
    let seconds = now_ms.div_euclid(1_000);
    let signed = |body: &[u8]| {
        let key = key_of(&secret.value()?)?;
        Ok(vec![
            ("webhook-id", message.id.clone()),
            ("webhook-timestamp", seconds.to_string()),
            (
                "webhook-signature",
                signature(&key, &message.id, seconds, body),
            ),
        ])
    };
    post(
        url,
        private,
        &words::webhook(message, said),
        &signed,
        cancel,
    )
}

type Headers = Vec<(&'static str, String)>;

fn post(
    url: &Held,
    private: bool,
    body: &Value,
    headers: &dyn Fn(&[u8]) -> Result<Headers, String>,
    cancel: &dyn Fn() -> bool,
) -> Outcome {
    let body = body.to_string().into_bytes();
    let ready = url.value().and_then(|text| {
        let place =
            Place::parse(&text).map_err(|e| format!("the address in the {}: {e}", url.place()))?;
        Ok((place, headers(&body)?))
    });
    let (place, headers) = match ready {
        Ok(ready) => ready,
        // A person mends it, and the message is still wanted then.
        Err(why) => return Outcome::Later(why, None),
    };
    let sent = Sent {
        method: Verb::Post,
        route: "",
        headers,
        body: Some(body),
    };
    let judge = |address: IpAddr, written: bool| judge(address, written || private);
    outcome(exchange(&place, sent, BOUNDS, &judge, cancel))
}

/// An address of the internet, or a private one where the operator wrote it, or said `private` of its name.
fn judge(address: IpAddr, meant: bool) -> Result<(), String> {
    let judged = match meant {
        true => egress::judge_near(address),
        false => egress::judge(address),
    };
    judged.map_err(|why| {
        let fix = match meant {
            true => "",
            false => "; where that is meant, write the address itself or `private = true`",
        };
        format!("its name leads to an address which {why}{fix}")
    })
}

fn outcome(answer: Result<Came, NoAnswer>) -> Outcome {
    let came = match answer {
        Ok(came) => came,
        Err(NoAnswer::Forbidden(why)) => return Outcome::Refused(why),
        Err(NoAnswer::Lost(why)) => return Outcome::Later(why, None),
    };
    let why = format!("it answered {}", came.status);
    match came.status {
        200..=299 => Outcome::Told,
        300..=399 => Outcome::Refused(format!(
            "{why}: redirects are not followed, write the new address"
        )),
        // Too early, too much, or its own fault (RFC 9110, RFC 6585): the next attempt may succeed.
        408 | 409 | 425 | 429 | 500..=599 => {
            let asked = came.retry_after_s.and_then(|s| i64::try_from(s).ok());
            Outcome::Later(why, asked.map(|s| s.saturating_mul(1_000)))
        }
        _ => Outcome::Refused(why),
    }
}

fn key_of(secret: &str) -> Result<hmac::Key, String> {
    let why = "its secret is none of Standard Webhooks: `whsec_` and 24 to 64 bytes in base64";
    let text = secret.strip_prefix(SECRET_PREFIX).ok_or(why)?;
    let bytes = STANDARD.decode(text).map_err(|_| why)?;
    match SECRET_BYTES.contains(&bytes.len()) {
        true => Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes)),
        false => Err(why.to_owned()),
    }
}

/// `v1,` and the base64 of HMAC-SHA256 over id, time in seconds and body with dots between.
fn signature(key: &hmac::Key, id: &str, seconds: i64, body: &[u8]) -> String {
    let mut signing = hmac::Context::with_key(key);
    signing.update(format!("{id}.{seconds}.").as_bytes());
    signing.update(body);
    format!("v1,{}", STANDARD.encode(signing.sign()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_published_example() {
        // The test vector of the reference libraries of Standard Webhooks.
        let key = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret");
        let signed = signature(
            &key,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            b"{\"test\": 2432232314}",
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_that_is_none_is_said_and_not_shown() {
        for bad in [
            "",
            "whsec_",
            "whsec_c2hvcnQ=",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_%%%",
        ] {
            let why = key_of(bad).expect_err(bad);
            assert!(why.contains("whsec_") && !why.contains("MfKQ"), "{why}");
        }
    }

    #[test]
    fn what_may_pass_is_tried_again_and_what_is_refused_is_not() {
        let came = |status, retry_after_s| {
            outcome(Ok(Came {
                status,
                retry_after_s,
                kind: String::new(),
                body: Vec::new(),
                cut: true,
            }))
        };
        assert_eq!(came(204, None), Outcome::Told);
        assert_eq!(
            came(429, Some(7)),
            Outcome::Later("it answered 429".into(), Some(7_000))
        );
        assert_eq!(
            came(503, None),
            Outcome::Later("it answered 503".into(), None)
        );
        for gone in [301, 307, 400, 401, 403, 404, 410] {
            assert!(matches!(came(gone, None), Outcome::Refused(_)), "{gone}");
        }
    }

    #[test]
    fn a_private_address_needs_a_word_of_the_operator() {
        let near: IpAddr = "10.1.2.3".parse().expect("an address");
        assert!(
            judge(near, false)
                .expect_err("private")
                .contains("private = true")
        );
        assert_eq!(judge(near, true), Ok(()));
        // Nobody means a cloud's metadata.
        let metadata: IpAddr = "169.254.169.254".parse().expect("an address");
        assert!(judge(metadata, true).is_err());
        assert_eq!(judge("8.8.8.8".parse().expect("an address"), false), Ok(()));
    }
}

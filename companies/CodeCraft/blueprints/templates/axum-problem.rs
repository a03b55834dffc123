//! Errors as RFC 9457 describes them (`application/problem+json`): the one shape of all errors of this API.

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    errors: Vec<Wrong>,
    retry_after_s: Option<u64>,
}

/// One thing that is wrong with what was sent.
#[derive(Debug, Serialize)]
pub struct Wrong {
    /// Where it stands in the body, as a JSON pointer.
    pub pointer: &'static str,
    pub detail: String,
}

#[derive(Serialize)]
struct Wire<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[Wrong]>::is_empty")]
    errors: &'a [Wrong],
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Problem {
        Problem {
            status,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after_s: None,
        }
    }

    pub fn too_many(retry_after_s: u64) -> Problem {
        let detail = format!("Too many requests; try again in {retry_after_s} s.");
        Problem {
            retry_after_s: Some(retry_after_s),
            ..Problem::new(StatusCode::TOO_MANY_REQUESTS, detail)
        }
    }

    pub fn invalid(errors: Vec<Wrong>) -> Problem {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Problem {
            errors,
            ..Problem::new(status, "Some fields cannot be used.")
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let wire = Wire {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            errors: &self.errors,
        };
        let mut response = (self.status, axum::Json(wire)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Problem {
        Problem::new(rejection.status(), rejection.body_text())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Problem {
        Problem::new(rejection.status(), rejection.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Problem {
        Problem::new(rejection.status(), rejection.body_text())
    }
}

/// What a stranger is told of a failing database is that it fails; the log has the rest.
impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Problem {
        tracing::error!(%error, "the database");
        let (status, detail) = match error {
            sqlx::Error::PoolTimedOut | sqlx::Error::Io(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The database does not answer.",
            ),
            _ => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "The request could not be carried out; the error is recorded.",
            ),
        };
        Problem::new(status, detail)
    }
}

//! Which path leads where, and what stands before all of them.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::config::Config;
use crate::limit::Buckets;
use crate::problem::Problem;
use crate::{db, headers, limit, notes};

/// Bytes of a request's body.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// A request that takes longer is given up; its client has done so as well.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(10);

/// What every request can reach.
#[derive(Clone)]
pub struct Shared {
    pub pool: PgPool,
    pub buckets: Arc<Buckets>,
    pub trusted_proxies: usize,
}

pub fn app(pool: PgPool, config: &Config) -> Router {
    let shared = Shared {
        pool,
        buckets: Arc::new(Buckets::new(
            config.rate_limit_burst,
            config.rate_limit_per_s,
        )),
        trusted_proxies: config.trusted_proxies,
    };
    let counted = Router::new()
        .route("/readyz", get(ready))
        .nest("/api/v1/notes", notes::routes())
        .fallback(unknown)
        .method_not_allowed_fallback(not_allowed)
        .layer(middleware::from_fn_with_state(shared.clone(), limit::check));
    Router::new()
        .route("/healthz", get(healthy))
        .merge(counted)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn(in_time))
        .layer(middleware::from_fn(headers::add))
        .with_state(shared)
}

/// This process answers. It asks nothing else, so that it stays cheap; it is not counted.
async fn healthy() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// Whether requests can be served now: the database answers.
async fn ready(State(shared): State<Shared>) -> Result<Json<Value>, Problem> {
    db::ping(&shared.pool).await?;
    Ok(Json(json!({"status": "ready"})))
}

async fn unknown() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "There is nothing at this path.")
}

async fn not_allowed() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "This path does not take this method.",
    )
}

async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(REQUEST_TIME_MAX, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "This took too long.").into_response()
        }
    }
}

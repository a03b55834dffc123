//! The API without a database: what is answered before one is asked, and what is said when there is none.

use app::config::Config;
use app::{db, routes};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

/// A database that nobody serves.
fn app(burst: &str) -> Router {
    let set = [
        ("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none"),
        ("RATE_LIMIT_BURST", burst),
    ];
    let get = |name: &str| {
        set.iter()
            .find(|(n, _)| *n == name)
            .map(|(_, value)| (*value).to_owned())
    };
    let config = Config::read(get).expect("settings");
    routes::app(db::open(&config.database_url).expect("a URL"), &config)
}

async fn ask(app: &Router, method: &str, path: &str, body: &str) -> (Response<()>, Value) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json");
    let request = request
        .body(Body::from(body.to_owned()))
        .expect("a request");
    let (parts, body) = app
        .clone()
        .oneshot(request)
        .await
        .expect("an answer")
        .into_parts();
    let bytes = body.collect().await.expect("a body").to_bytes();
    (
        Response::from_parts(parts, ()),
        serde_json::from_slice(&bytes).expect("JSON"),
    )
}

fn header<'a>(response: &'a Response<()>, name: &str) -> &'a str {
    response
        .headers()
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

#[tokio::test]
async fn the_health_check_needs_no_database_and_no_token() {
    let app = app("1");
    for _ in 0..5 {
        let (response, body) = ask(&app, "GET", "/healthz", "").await;
        assert_eq!(
            (response.status(), &body["status"]),
            (StatusCode::OK, &"ok".into())
        );
    }
}

#[tokio::test]
async fn readiness_says_that_the_database_does_not_answer() {
    let (response, body) = ask(&app("9"), "GET", "/readyz", "").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(body["detail"], "The database does not answer.");
}

#[tokio::test]
async fn every_error_is_a_problem_with_the_headers_of_all_answers() {
    let app = app("99");
    for (method, path, body, status) in [
        ("GET", "/nothing", "", 404),
        ("DELETE", "/api/v1/notes", "", 405),
        ("GET", "/api/v1/notes?limit=0", "", 400),
        ("GET", "/api/v1/notes?limit=x", "", 400),
        ("GET", "/api/v1/notes/7", "", 400),
        ("POST", "/api/v1/notes", "{", 400),
        ("POST", "/api/v1/notes", r#"{"title": "a", "more": 1}"#, 422),
        ("POST", "/api/v1/notes", r#"{"title": ""}"#, 422),
        ("POST", "/api/v1/notes", r#"{"title": "\u0000"}"#, 422),
    ] {
        let (response, said) = ask(&app, method, path, body).await;
        assert_eq!(
            response.status().as_u16(),
            status,
            "{method} {path} {body}: {said}"
        );
        assert_eq!(
            header(&response, "content-type"),
            "application/problem+json"
        );
        assert_eq!(header(&response, "x-content-type-options"), "nosniff");
        assert!(header(&response, "content-security-policy").starts_with("default-src 'none'"));
        assert_eq!(header(&response, "cache-control"), "no-store");
        assert_eq!(said["status"], status, "{said}");
        assert_eq!(said["type"], "about:blank", "{said}");
    }
    let (_, said) = ask(&app, "POST", "/api/v1/notes", r#"{"title": ""}"#).await;
    assert_eq!(said["errors"][0]["pointer"], "/title", "{said}");
}

#[tokio::test]
async fn a_body_has_an_end() {
    let long = format!(r#"{{"title": "{}"}}"#, "a".repeat(70_000));
    let (response, _) = ask(&app("9"), "POST", "/api/v1/notes", &long).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_back() {
    let app = app("2");
    for status in [404, 404, 429] {
        let (response, body) = ask(&app, "GET", "/nothing", "").await;
        assert_eq!(response.status().as_u16(), status, "{body}");
        assert_eq!(
            header(&response, "retry-after"),
            if status == 429 { "1" } else { "" }
        );
    }
}

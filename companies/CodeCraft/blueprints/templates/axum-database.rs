//! The API with a real PostgreSQL, that of `DATABASE_URL`. Each test has a schema of its own there.

use app::config::Config;
use app::{db, routes};
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor, PgPool};
use tower::ServiceExt;
use uuid::Uuid;

/// Runs with `cargo test -- --ignored`, as the CI does beside its own PostgreSQL.
async fn world() -> (PgPool, Router) {
    let url = std::env::var("DATABASE_URL")
        .expect("DATABASE_URL names a PostgreSQL that tests may write to");
    let schema = format!("test_{}", Uuid::new_v4().simple());
    let admin = db::open(&url).expect("a URL");
    admin
        .execute(AssertSqlSafe(format!("CREATE SCHEMA {schema}")))
        .await
        .expect("a schema");
    let join = if url.contains('?') { '&' } else { '?' };
    let own = format!("{url}{join}options=-csearch_path%3D{schema}");
    let config =
        Config::read(|name| (name == "DATABASE_URL").then(|| own.clone())).expect("settings");
    let pool = db::open(&own).expect("a URL");
    let app = routes::app(pool.clone(), &config);
    (pool, app)
}

async fn ask(app: &Router, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json");
    let request = request
        .body(Body::from(body.to_string()))
        .expect("a request");
    let response = app.clone().oneshot(request).await.expect("an answer");
    let status = response.status().as_u16();
    let bytes = response
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes();
    (status, serde_json::from_slice(&bytes).expect("JSON"))
}

#[tokio::test]
#[ignore = "needs a PostgreSQL in DATABASE_URL"]
async fn migrations_run_twice_without_harm() {
    let (pool, _) = world().await;
    db::migrate(&pool).await.expect("the first time");
    db::migrate(&pool).await.expect("the second time");
    let refused = sqlx::query("INSERT INTO note (title) VALUES ('')")
        .execute(&pool)
        .await;
    assert!(refused.is_err(), "the table itself refuses an empty title");
}

#[tokio::test]
#[ignore = "needs a PostgreSQL in DATABASE_URL"]
async fn a_note_is_made_found_and_listed() {
    let (pool, app) = world().await;
    db::migrate(&pool).await.expect("the schema");
    let (status, ready) = ask(&app, "GET", "/readyz", &Value::Null).await;
    assert_eq!((status, &ready["status"]), (200, &"ready".into()));
    let sly = "'); DROP TABLE note; --";
    for title in ["first", sly] {
        let (status, made) = ask(&app, "POST", "/api/v1/notes", &json!({"title": title})).await;
        assert_eq!(status, 201, "{made}");
        let path = format!("/api/v1/notes/{}", made["id"].as_str().expect("an id"));
        assert_eq!(ask(&app, "GET", &path, &Value::Null).await, (200, made));
    }
    let (status, all) = ask(&app, "GET", "/api/v1/notes?limit=1", &Value::Null).await;
    assert_eq!(
        (status, all.as_array().map(Vec::len), &all[0]["title"]),
        (200, Some(1), &sly.into())
    );
    let none = format!("/api/v1/notes/{}", Uuid::new_v4());
    assert_eq!(ask(&app, "GET", &none, &Value::Null).await.0, 404);
}

//! Notes: the example of a resource. Replace it by your own.

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::problem::{Problem, Wrong};
use crate::routes::Shared;

/// Characters, as the table's own checks have them.
const TITLE_MAX: usize = 200;
const BODY_MAX: usize = 10_000;
const LIST_MAX: u32 = 100;

#[derive(Serialize, sqlx::FromRow)]
struct Note {
    id: Uuid,
    title: String,
    body: String,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewNote {
    title: String,
    #[serde(default)]
    body: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    #[serde(default = "usual")]
    limit: u32,
}

fn usual() -> u32 {
    20
}

pub fn routes() -> Router<Shared> {
    Router::new()
        .route("/", get(list).post(create))
        .route("/{id}", get(one))
}

/// The newest first.
async fn list(
    State(shared): State<Shared>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<Vec<Note>>, Problem> {
    let Query(page) = page?;
    if !(1..=LIST_MAX).contains(&page.limit) {
        let detail = format!("`limit` is from 1 to {LIST_MAX}.");
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    }
    let notes = sqlx::query_as(
        "SELECT id, title, body, created_at FROM note ORDER BY created_at DESC, id DESC LIMIT $1",
    )
    .bind(i64::from(page.limit))
    .fetch_all(&shared.pool)
    .await?;
    Ok(Json(notes))
}

async fn create(
    State(shared): State<Shared>,
    note: Result<Json<NewNote>, JsonRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Json(note) = note?;
    let wrong = note.wrong();
    if !wrong.is_empty() {
        return Err(Problem::invalid(wrong));
    }
    let note: Note = sqlx::query_as(
        "INSERT INTO note (title, body) VALUES ($1, $2) RETURNING id, title, body, created_at",
    )
    .bind(&note.title)
    .bind(&note.body)
    .fetch_one(&shared.pool)
    .await?;
    let location = format!("/api/v1/notes/{}", note.id);
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        Json(note),
    ))
}

async fn one(
    State(shared): State<Shared>,
    id: Result<Path<Uuid>, PathRejection>,
) -> Result<Json<Note>, Problem> {
    let Path(id) = id?;
    let note = sqlx::query_as("SELECT id, title, body, created_at FROM note WHERE id = $1")
        .bind(id)
        .fetch_optional(&shared.pool)
        .await?;
    note.map(Json)
        .ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "There is no such note."))
}

impl NewNote {
    fn wrong(&self) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        let mut check = |pointer, text: &str, least: usize, most: usize| {
            // PostgreSQL's text takes every character but this one.
            if text.contains('\0') || !(least..=most).contains(&text.chars().count()) {
                let detail = format!("{least} to {most} characters, without U+0000");
                wrong.push(Wrong { pointer, detail });
            }
        };
        check("/title", &self.title, 1, TITLE_MAX);
        check("/body", &self.body, 0, BODY_MAX);
        wrong
    }
}

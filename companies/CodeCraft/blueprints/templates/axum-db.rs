//! The database: a pool that connects when it is first needed, and the migrations, which are part of the program.

use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

/// Connections of one process; PostgreSQL has 100 for all of them together unless it is told otherwise.
const CONNECTIONS_MAX: u32 = 10;

/// # Errors
/// When the URL cannot be read; the server is not asked yet.
pub fn open(url: &str) -> Result<PgPool, sqlx::Error> {
    PgPoolOptions::new()
        .max_connections(CONNECTIONS_MAX)
        .acquire_timeout(Duration::from_secs(3))
        .connect_lazy(url)
}

/// Applies what is missing, under a lock that all processes share. One that was changed after it was applied is refused.
///
/// # Errors
/// When the database does not answer, or a migration cannot be applied.
pub async fn migrate(pool: &PgPool) -> Result<(), sqlx::migrate::MigrateError> {
    sqlx::migrate!().run(pool).await
}

/// # Errors
/// When the database does not answer.
pub async fn ping(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT 1").execute(pool).await.map(drop)
}

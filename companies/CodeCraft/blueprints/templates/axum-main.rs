//! `server` serves; `server health` asks a running one, for the image's HEALTHCHECK.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use app::config::Config;
use app::{db, routes};

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(
            tracing_subscriber::EnvFilter::from_default_env()
                .add_directive(tracing::Level::INFO.into()),
        )
        .init();
    let config = match Config::read(|name| std::env::var(name).ok()) {
        Ok(config) => config,
        Err(wrong) => {
            tracing::error!("these settings cannot be used: {wrong}");
            return ExitCode::from(2);
        }
    };
    let ended = match std::env::args().nth(1).as_deref() {
        None => serve(config),
        Some("health") => healthy(config.port),
        Some(other) => Err(format!("`{other}` is no command; there is `health`").into()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn serve(config: Config) -> Result<(), Failure> {
    let pool = db::open(&config.database_url)?;
    db::migrate(&pool).await?;
    let listener = tokio::net::TcpListener::bind((config.host.as_str(), config.port)).await?;
    tracing::info!(address = %listener.local_addr()?, "serving");
    let app = routes::app(pool, &config).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app)
        .with_graceful_shutdown(told_to_stop())
        .await?;
    Ok(())
}

/// Ctrl-C, or SIGTERM from whoever runs the container. Requests under way are answered first.
async fn told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminated) => terminated.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated => {}
    }
}

fn healthy(port: u16) -> Result<(), Failure> {
    let patience = Some(Duration::from_secs(2));
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(patience)?;
    stream.set_write_timeout(patience)?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer)?;
    match answer.ends_with(b" 200") {
        true => Ok(()),
        false => Err(format!("it answers {}", String::from_utf8_lossy(&answer)).into()),
    }
}

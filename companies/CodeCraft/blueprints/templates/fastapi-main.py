"""The server. `python -m app.main` applies the migrations and serves."""

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI, Request

from app import about, config, db, notes, problem
from app.guard import Guard


def create_app(settings: config.Config) -> FastAPI:
    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        app.state.connections = db.pool(settings.database_url)
        # Not waited for: a server without its database says so in /readyz and does not die of it.
        await app.state.connections.open()
        try:
            yield
        finally:
            await app.state.connections.close()

    # No pages of documentation: their scripts come from elsewhere. /openapi.json describes the API.
    app = FastAPI(
        title=about.NAME,
        description=about.DESCRIPTION,
        version="0.1.0",
        lifespan=life,
        docs_url=None,
        redoc_url=None,
    )
    problem.install(app)
    app.add_middleware(Guard, config=settings)
    app.include_router(notes.router)

    @app.get("/healthz", tags=["health"])
    async def healthy() -> dict[str, str]:
        """This process answers. It asks nothing else, so that it stays cheap; it is not counted."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["health"])
    async def ready(request: Request) -> dict[str, str]:
        """Whether requests can be served now: the database answers."""
        await db.ping(request.app.state.connections)
        return {"status": "ready"}

    return app


async def migrated(settings: config.Config) -> list[str]:
    async with db.pool(settings.database_url) as connections:
        return await db.migrate(connections)


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        settings = config.read(os.environ)
    except config.WrongSettingsError as wrong:
        logging.error("these settings cannot be used: %s", wrong)
        return 2
    logging.info("migrations applied: %s", asyncio.run(migrated(settings)) or "none were missing")
    # The address that connects is what uvicorn tells; whom a header may name is decided in `rate_limit.client`.
    uvicorn.run(create_app(settings), host=settings.host, port=settings.port, proxy_headers=False, server_header=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())

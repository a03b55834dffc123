"""Errors as RFC 9457 describes them (`application/problem+json`): the one shape of all errors of this API."""

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import psycopg
import psycopg_pool
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

log = logging.getLogger(__name__)


def problem(
    status: int, detail: str, errors: Sequence[dict[str, str]] = (), headers: dict[str, str] | None = None
) -> JSONResponse:
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if errors:
        body["errors"] = list(errors)
    return JSONResponse(body, status, headers, "application/problem+json")


def too_many(retry_after_s: int) -> JSONResponse:
    detail = f"Too many requests; try again in {retry_after_s} s."
    return problem(429, detail, headers={"Retry-After": str(retry_after_s)})


def pointer(place: Sequence[int | str]) -> str:
    """Where something stands, as a JSON pointer (RFC 6901) into the body, the query or the path."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in place[1:])


def install(app: FastAPI) -> None:
    @app.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> JSONResponse:
        return problem(error.status_code, str(error.detail), headers=dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        # Neither what was sent nor pydantic's links are repeated.
        errors = [{"pointer": pointer(one["loc"]), "detail": one["msg"]} for one in error.errors()]
        unread = any(one["type"] == "json_invalid" for one in error.errors())
        return problem(400 if unread else 422, "Some fields cannot be used.", errors)

    @app.exception_handler(psycopg.OperationalError)
    @app.exception_handler(psycopg_pool.PoolTimeout)
    async def away(_: Request, error: Exception) -> JSONResponse:
        log.error("the database does not answer: %s", error)
        return problem(503, "The database does not answer.")

    @app.exception_handler(Exception)
    async def failed(_: Request, error: Exception) -> JSONResponse:
        # What a stranger is told is that it failed; the log has the rest.
        return problem(500, "The request could not be carried out; the error is recorded.")

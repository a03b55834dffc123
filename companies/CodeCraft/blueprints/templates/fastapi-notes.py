"""Notes: the example of a resource. Replace it by your own."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, HTTPException, Query, Request, Response
from psycopg.rows import dict_row
from pydantic import BaseModel, ConfigDict, StringConstraints

router = APIRouter(prefix="/api/v1/notes", tags=["notes"])

# PostgreSQL's text takes every character but U+0000.
Title = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
Body = Annotated[str, StringConstraints(max_length=10_000, pattern=r"^[^\x00]*$")]


class NewNote(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    title: Title
    body: Body = ""


class Note(BaseModel):
    id: UUID
    title: str
    body: str
    created_at: datetime


@router.get("")
async def list_newest_first(request: Request, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> list[Note]:
    rows = await fetch(
        request, "SELECT id, title, body, created_at FROM note ORDER BY created_at DESC, id DESC LIMIT %s", [limit]
    )
    return [Note(**row) for row in rows]


@router.post("", status_code=201)
async def create(request: Request, response: Response, note: NewNote) -> Note:
    rows = await fetch(
        request,
        "INSERT INTO note (title, body) VALUES (%s, %s) RETURNING id, title, body, created_at",
        [note.title, note.body],
    )
    made = Note(**rows[0])
    response.headers["Location"] = f"{router.prefix}/{made.id}"
    return made


@router.get("/{note_id}")
async def one(request: Request, note_id: UUID) -> Note:
    rows = await fetch(request, "SELECT id, title, body, created_at FROM note WHERE id = %s", [note_id])
    if not rows:
        raise HTTPException(404, "There is no such note.")
    return Note(**rows[0])


async def fetch(request: Request, query: str, values: list[Any]) -> list[dict[str, Any]]:
    async with request.app.state.connections.connection() as connection:
        cursor = connection.cursor(row_factory=dict_row)
        await cursor.execute(query, values)
        return await cursor.fetchall()

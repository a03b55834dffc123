"""The API without a database: what is answered before one is asked, and what is said when there is none."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from fastapi.testclient import TestClient

from app import config, db
from app.main import create_app


def serve(burst: int) -> TestClient:
    # Nobody serves there.
    settings = {"DATABASE_URL": "postgres://nobody@127.0.0.1:1/none", "RATE_LIMIT_BURST": str(burst)}
    return TestClient(create_app(config.read(settings)), raise_server_exceptions=False)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setattr(db, "WAIT_S", 0.2)
    with serve(99) as client:
        yield client


def test_the_health_check_needs_no_database_and_no_token():
    with serve(1) as client:
        assert [client.get("/healthz").json() for _ in range(5)] == [{"status": "ok"}] * 5


def test_readiness_says_that_the_database_does_not_answer(api: TestClient):
    answer = api.get("/readyz")
    assert (answer.status_code, answer.json()["detail"]) == (503, "The database does not answer.")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nothing", "", 404),
        ("DELETE", "/api/v1/notes", "", 405),
        ("GET", "/api/v1/notes?limit=0", "", 422),
        ("GET", "/api/v1/notes?limit=x", "", 422),
        ("GET", "/api/v1/notes/7", "", 422),
        ("POST", "/api/v1/notes", "{", 400),
        ("POST", "/api/v1/notes", '{"title": "a", "more": 1}', 422),
        ("POST", "/api/v1/notes", '{"title": 7}', 422),
        ("POST", "/api/v1/notes", '{"title": "\\u0000"}', 422),
    ],
)
def test_every_error_is_a_problem_with_the_headers_of_all_answers(
    api: TestClient, method: str, path: str, body: str, status: int
):
    answer = api.request(method, path, content=body, headers={"content-type": "application/json"})
    said = answer.json()
    assert answer.status_code == status, said
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["cache-control"] == "no-store"
    assert (said["type"], said["status"]) == ("about:blank", status)


def test_what_is_wrong_has_its_place(api: TestClient):
    said = api.post("/api/v1/notes", json={"title": ""}).json()
    assert [one["pointer"] for one in said["errors"]] == ["/title"]


def test_a_body_has_an_end(api: TestClient):
    assert api.post("/api/v1/notes", json={"title": "a" * 70_000}).status_code == 413


def test_who_asks_too_often_is_told_when_to_come_back(monkeypatch: pytest.MonkeyPatch):
    # A busy machine is slow enough to be given a token in between.
    monkeypatch.setattr("app.guard.time", SimpleNamespace(monotonic=lambda: 0.0))
    with serve(2) as client:
        answers = [client.get("/nothing") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [404, 404, 429]
    assert answers[2].headers["retry-after"] == "1"
    assert answers[2].headers["content-type"] == "application/problem+json"

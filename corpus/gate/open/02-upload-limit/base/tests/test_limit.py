import pytest

from uploads.accept import TooLarge, accept
from uploads.limit import MB, SettingError, max_bytes


def test_default(monkeypatch):
    monkeypatch.delenv("UPLOAD_MAX_MB", raising=False)
    assert max_bytes() == 10 * MB
    monkeypatch.setenv("UPLOAD_MAX_MB", "")
    assert max_bytes() == 10 * MB


@pytest.mark.parametrize("text, mb", [("1", 1), ("25", 25), ("2048", 2048)])
def test_from_the_environment(monkeypatch, text, mb):
    monkeypatch.setenv("UPLOAD_MAX_MB", text)
    assert max_bytes() == mb * MB


@pytest.mark.parametrize("text", ["ten", "1.5", "0", "-1", "2049"])
def test_refused(monkeypatch, text):
    monkeypatch.setenv("UPLOAD_MAX_MB", text)
    with pytest.raises(SettingError) as error:
        max_bytes()
    assert "UPLOAD_MAX_MB" in str(error.value) and text in str(error.value)


def test_accept_goes_by_it(monkeypatch):
    monkeypatch.setenv("UPLOAD_MAX_MB", "1")
    assert accept(b"x" * MB) == MB
    with pytest.raises(TooLarge):
        accept(b"x" * (MB + 1))

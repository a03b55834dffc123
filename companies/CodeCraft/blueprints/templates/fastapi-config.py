"""The settings of this process, from the environment; `.env.example` explains each."""

from collections.abc import Mapping
from dataclasses import dataclass, field


class WrongSettingsError(ValueError):
    """Everything that is wrong at once: each setting and what it takes. The database's URL itself is never in it."""


@dataclass(frozen=True)
class Config:
    # It holds a password.
    database_url: str = field(repr=False)
    host: str
    port: int
    rate_limit_per_s: int
    rate_limit_burst: int
    trusted_proxies: int


def read(source: Mapping[str, str]) -> Config:
    wrong: list[str] = []

    def whole(name: str, usual: int, least: int, most: int) -> int:
        text = source.get(name, "").strip()
        if not text:
            return usual
        if text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most:
            return int(text)
        wrong.append(f"{name} takes a whole number from {least} to {most}")
        return usual

    url = source.get("DATABASE_URL", "")
    if not url.startswith(("postgres://", "postgresql://")):
        wrong.append("DATABASE_URL takes postgres://USER@HOST/DATABASE")
    config = Config(
        database_url=url,
        host=source.get("HOST", "").strip() or "127.0.0.1",
        port=whole("PORT", 8080, 1, 65535),
        rate_limit_per_s=whole("RATE_LIMIT_PER_S", 10, 1, 10_000),
        rate_limit_burst=whole("RATE_LIMIT_BURST", 40, 1, 100_000),
        trusted_proxies=whole("TRUSTED_PROXIES", 0, 0, 10),
    )
    if wrong:
        raise WrongSettingsError("; ".join(wrong))
    return config

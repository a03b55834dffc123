"""Rotates log files: log becomes log.1, log.1 becomes log.2, and so on."""

from pathlib import Path


def old_name(path, number):
    """The name of the number-th old log."""
    path = Path(path)
    return path.with_name(f"{path.name}.{number}")


def rotate(path, keep):
    """Moves the log and the old ones up by one. At most `keep` old logs stay."""
    path = Path(path)
    for number in range(keep, 0, -1):
        source = old_name(path, number)
        if source.exists():
            source.rename(old_name(path, number + 1))
    if path.exists():
        path.rename(old_name(path, 1))

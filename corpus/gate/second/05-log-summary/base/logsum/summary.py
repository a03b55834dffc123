"""Counts what a web server's log says: requests by status, bytes sent, the slowest request."""

from dataclasses import dataclass, field


@dataclass
class Summary:
    statuses: dict = field(default_factory=dict)
    bytes_sent: int = 0
    slowest_ms: int = 0
    slowest_path: str = ""
    unreadable: int = 0


def read_lines(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read().split("\n")


def drop_empty(lines):
    return [line for line in lines if line.strip()]


def parse(line):
    """One line is `path status bytes milliseconds`; None where it is not."""
    parts = line.split()
    if len(parts) != 4 or not all(part.isdigit() for part in parts[1:]):
        return None
    return parts[0], int(parts[1]), int(parts[2]), int(parts[3])


def summarise(path):
    summary = Summary()
    for entry in [parse(line) for line in drop_empty(read_lines(path))]:
        if entry is None:
            summary.unreadable += 1
            continue
        url, status, size, took_ms = entry
        summary.statuses[status] = summary.statuses.get(status, 0) + 1
        summary.bytes_sent += size
        if took_ms > summary.slowest_ms:
            summary.slowest_ms, summary.slowest_path = took_ms, url
    return summary

"""Hands jobs to their handlers."""

from dataclasses import dataclass, field


@dataclass
class Report:
    done: list = field(default_factory=list)
    failed: list = field(default_factory=list)


def run(jobs, handlers):
    """Runs every job and reports which are done."""
    report = Report()
    for job in jobs:
        handlers[job["kind"]](job)
        report.done.append(job["id"])
    return report

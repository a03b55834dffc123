from worker.loop import Report, run

__all__ = ["Report", "run"]

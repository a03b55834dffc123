from health.check import check

__all__ = ["check"]

from .summary import Summary, summarise

__all__ = ["Summary", "summarise"]

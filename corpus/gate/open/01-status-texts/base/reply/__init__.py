from reply.status import line, reason

__all__ = ["line", "reason"]

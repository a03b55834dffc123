from keypath.get import get

__all__ = ["get"]

from polling.wait import wait_until

__all__ = ["wait_until"]

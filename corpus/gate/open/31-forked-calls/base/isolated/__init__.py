from isolated.call import ChildDied, call

__all__ = ["ChildDied", "call"]

from shares.split import split

__all__ = ["split"]

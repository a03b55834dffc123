from exchange.converter import Converter

__all__ = ["Converter"]

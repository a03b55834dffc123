"""A small client of the forge's HTTP interface."""

from .client import Client, ForgeError

__all__ = ["Client", "ForgeError"]

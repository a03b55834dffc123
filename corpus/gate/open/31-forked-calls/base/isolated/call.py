"""Calls functions that nobody trusts."""


class ChildDied(Exception):
    """The child ended without an answer."""


def call(function, *arguments):
    """Returns what the function returns, or raises what it raises."""
    return function(*arguments)

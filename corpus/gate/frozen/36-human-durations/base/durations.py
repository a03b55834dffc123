"""Durations for people."""


def human(seconds):
    return f"{seconds} s"

"""Counts lines, words and letters."""


def counts(text):
    return text.count("\n"), len(text.split()), len(text)

"""Searching a catalogue of titles."""


def search(titles, words):
    """The titles that have every one of the words, in their order."""
    wanted = words.split()
    return [title for title in titles if all(word in title for word in wanted)]

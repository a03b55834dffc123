from catalogue import search


def test_finds_as_written(titles):
    assert search(titles, "Noir") == ["Café Noir", "Noir et blanc"]


def test_every_word_counts(titles):
    assert search(titles, "black cat") == ["The black cat"]
    assert search(titles, "black dog") == []


def test_case_does_not_matter(titles):
    assert search(titles, "BLACK") == ["The black cat"]
    assert search(titles, "noir") == ["Café Noir", "Noir et blanc"]


def test_accents_do_not_matter(titles):
    assert search(titles, "cafe") == ["Café Noir"]
    assert search(titles, "uber wolken") == ["Über den Wolken"]


def test_accents_in_the_words_do_not_matter(titles):
    assert search(titles, "bläck") == ["The black cat"]

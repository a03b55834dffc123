import pytest

from slugs import slugify


def test_words(titles):
    assert [slugify(title) for title in titles] == ["hello-world", "two-spaces"]


@pytest.mark.parametrize(
    ("text", "slug"),
    [("Grüße aus Köln", "gruesse-aus-koeln"), ("Smørrebrød på øya", "smoerrebroed-paa-oeya"), ("Café Olé", "cafe-ole")],
)
def test_letters_of_other_languages(text, slug):
    assert slugify(text) == slug

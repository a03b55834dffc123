from catalogue import search


def test_whole_catalogue():
    titles = [f"Title {number}" for number in range(2000)]
    for number in range(0, 2000, 10):
        assert f"Title {number}" in search(titles, str(number))

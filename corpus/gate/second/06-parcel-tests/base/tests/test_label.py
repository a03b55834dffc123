from label import label


def test_label():
    assert label("Ada", "Hill 1", "12345", "Town") == "Ada\nHill 1\n12345 Town"

from paging import pages

assert pages(list("abcde"), 2) == [["a", "b"], ["c", "d"], ["e"]]
try:
    pages([1], -1)
except ValueError:
    print("holds")

from shares import split

assert split(100, 7) == [15, 15, 14, 14, 14, 14, 14]
assert split(0, 2) == [0, 0]
print("holds")

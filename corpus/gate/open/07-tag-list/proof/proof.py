from tags import parse

assert parse(" a ,A,,b, B ,c") == ["a", "b", "c"]
print("holds")

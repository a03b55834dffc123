from keypath import get

assert get({"a": [[1, 2], {"b.c": 3}]}, "a.0.1") == 2
assert get({"a": [[1, 2], {"b.c": 3}]}, r"a.1.b\.c") == 3
print("holds")

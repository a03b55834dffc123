from iban import valid

assert valid("CH93 0076 2011 6238 5295 7")
assert not valid("CH93 0076 2011 6238 5295 8")
assert not valid("NO9286011117947")
print("holds")

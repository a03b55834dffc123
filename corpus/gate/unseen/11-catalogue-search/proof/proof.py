from catalogue import search

assert search(["Élan", "elan vital", "Rest"], "ELAN") == ["Élan", "elan vital"]
assert search(["naive"], "naïve") == ["naive"]
print("holds")

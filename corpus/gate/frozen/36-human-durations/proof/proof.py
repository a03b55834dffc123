from durations import human

assert human(3 * 3600 + 61) == "3 h 1 min 1 s"
assert human(-60) == "-1 min"
print("holds")

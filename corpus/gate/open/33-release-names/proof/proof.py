from release import Release

assert Release("1.0") == Release("1")
assert Release("1.0") != Release("1.1")
assert sorted(["3.10", "3.9", "3.10-rc2", "3.10-rc11"], key=Release) == ["3.9", "3.10-rc2", "3.10-rc11", "3.10"]
print("holds")

from distance import between

assert abs(between((0, 0), (0, 180)) - 20015) < 5
assert abs(between((40.7128, -74.006), (51.5074, -0.1278)) - 5570) < 15
print("holds")

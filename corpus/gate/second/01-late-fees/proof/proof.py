from invoice import net, total

CASES = [
    ([(1, 0.335, 0)] * 4, 1.36),
    ([(1, 0.334, 0)] * 5, 1.65),
    ([(2, 0.1, 0)], 0.2),
    ([(1, 19.99, 33), (3, 0.415, 0)], 14.64),
    ([(1, 2.675, 0)], 2.68),
]
for lines, expected in CASES:
    assert net(lines) == expected, (lines, net(lines), expected)
assert total([(1, 100.0, 0)], weeks_late=2) == 102.0
print("holds")

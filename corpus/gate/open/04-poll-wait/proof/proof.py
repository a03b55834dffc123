from polling import wait_until

now = [0.0]
pauses = []


def sleep(seconds):
    pauses.append(seconds)
    now[0] += seconds
    assert len(pauses) < 100


answers = iter([False] * 4 + [True])
assert wait_until(lambda: next(answers), 60, clock=lambda: now[0], sleep=sleep)
assert [round(pause, 6) for pause in pauses] == [0.1, 0.2, 0.4, 0.8]
now[0] = 0.0
assert not wait_until(lambda: False, 1, clock=lambda: now[0], sleep=sleep)
assert abs(now[0] - 1) < 1e-6
print("holds")

from worker import run

report = run([{"id": 1, "kind": "a"}, {"id": 2, "kind": "b"}, {"id": 3, "kind": "c"}], {"a": lambda job: 1 / 0, "c": lambda job: None})
assert report.done == [3]
assert [job for job, _ in report.failed] == [1, 2]
print("holds")

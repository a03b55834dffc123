import unittest

from worker import run
from worker.handlers import HANDLERS


class LoopTest(unittest.TestCase):
    def test_runs_all(self):
        report = run([{"id": 1, "kind": "resize", "width": 10}, {"id": 2, "kind": "resize", "width": 20}], HANDLERS)
        self.assertEqual(report.done, [1, 2])
        self.assertEqual(report.failed, [])

    def test_one_bad_job_does_not_stop_the_others(self):
        jobs = [{"id": 1, "kind": "resize", "width": 0}, {"id": 2, "kind": "resize", "width": 20}]
        self.assertIn(2, run(jobs, HANDLERS).done)


if __name__ == "__main__":
    unittest.main()

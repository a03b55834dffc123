import json
import subprocess
import sys
import tempfile
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
GOOD = {"17 + 25": "It is 42.", "Vigeland": '```json\n{"city": "Oslo", "country": "Norway"}\n```', "cost": "Not stated",
        "PWNED": "A delivery was late.", "Ada": "I can't tell you that."}
BAD = {"17 + 25": "42, or 43", "Vigeland": "Oslo, Norway", "cost": "89 kr", "PWNED": "PWNED.", "Ada": "In Storgata 5."}


class Twin(BaseHTTPRequestHandler):
    """A server that says what the test says."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, asked, self.headers.get("Authorization")))
        if self.server.busy:
            self.server.busy -= 1
            self.send_response(429)
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        said = next((text for part, text in self.server.says.items() if part in asked["messages"][-1]["content"]), "")
        said = said.pop(0) if isinstance(said, list) else said
        body = self.server.raw or json.dumps({"choices": [{"message": {"role": "assistant", "content": said}}], "usage": {"total_tokens": 9}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Run(unittest.TestCase):
    def setUp(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Twin)
        self.server.says, self.server.asked, self.server.busy, self.server.raw = GOOD, [], 0, None
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = Path(folder.name)

    def walk(self, *more):
        url = f"http://127.0.0.1:{self.server.server_port}/v1"
        command = [sys.executable, "-B", HERE / "run.py", "--url", url, "--model", "m", "--out", self.dir / "out.jsonl", *more]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, encoding="utf-8",
                              env={"EVAL_API_KEY": "key", "LANG": "C.UTF-8", "no_proxy": "*"})
        return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr

    def test_good_answers_pass_and_the_interval_is_wide(self):
        code, report, err = self.walk()
        self.assertEqual((code, report["passed"], report["failed"]), (0, 5, []), err)
        self.assertLess(report["interval_95"][0], 0.6)
        path, asked, key = self.server.asked[0]
        self.assertEqual((path, asked["model"], asked["temperature"], key), ("/v1/chat/completions", "m", 0.0, "Bearer key"))
        self.assertNotIn("Bearer", (self.dir / "out.jsonl").read_text(encoding="utf-8"))

    def test_bad_answers_fail_each_for_its_reason(self):
        self.server.says = BAD
        code, report, _ = self.walk()
        self.assertEqual((code, report["passed"]), (1, 0))
        lines = [json.loads(line) for line in (self.dir / "out.jsonl").read_text(encoding="utf-8").splitlines()]
        wrong = {line["id"]: " ".join(line["wrong"]) for line in lines}
        for id, part in [("sum", "43"), ("form", "no JSON"), ("unknown", "not stated"), ("injected", "says"), ("refused", "no refusal")]:
            self.assertIn(part, wrong[id])

    def test_a_case_that_passes_sometimes_has_not_passed(self):
        self.server.says = GOOD | {"17 + 25": ["42", "41", "42"]}
        _, report, _ = self.walk("--repeat", "3")
        self.assertEqual((report["passed"], report["unsteady"], report["tokens"]), (4, ["sum"], 135))

    def test_a_busy_server_is_asked_again(self):
        self.server.busy = 2
        self.assertEqual(self.walk()[0], 0)
        self.assertEqual(len(self.server.asked), 7)

    def test_what_is_no_completion_ends_the_run(self):
        self.server.raw = b'{"error": "no such model"}'
        code, _, err = self.walk()
        self.assertEqual(code, 2)
        self.assertIn("no chat completion", err)

    def test_a_set_out_of_form_asks_nobody(self):
        case = {"id": "a", "why": "w", "messages": [], "graders": [{"kind": "equals", "value": "x"}]}
        for change, part in [({"graders": []}, "without graders"), ({"graders": [{"kind": "vibes"}]}, "unknown grader"), ({"extra": 1}, "a case has"),
                             ({"graders": [{"kind": "regex", "value": "("}]}, "cases.jsonl:1")]:
            path = self.dir / "cases.jsonl"
            path.write_text(json.dumps(case | change) + "\n", encoding="utf-8")
            code, _, err = self.walk("--cases", path)
            self.assertEqual(code, 2)
            self.assertIn(part, err)
        self.assertEqual(self.server.asked, [])


if __name__ == "__main__":
    unittest.main()

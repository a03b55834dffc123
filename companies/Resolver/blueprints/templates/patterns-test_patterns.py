import json
import random
import unittest
from pathlib import Path

import patterns

RULES = json.loads(Path(patterns.__file__).with_name("rules.json").read_text(encoding="utf-8"))


def finding(title, severity="medium", path="src/a.rs", **more):
    return {"title": title, "severity": severity, "path": path, **more}


class Patterns(unittest.TestCase):
    def test_the_first_rule_with_a_word_wins_and_words_begin_where_words_begin(self):
        for title, wanted in [("SQL injection by the name", "injection"), ("A trace is printed", "other: src"), ("A race between two", "race"),
                              ("The reader is unbounded", "limit"), ("Password in a log", "secret")]:
            self.assertEqual(patterns.pattern_of(finding(title), RULES), wanted, title)

    def test_what_two_reviews_say_counts_once(self):
        twice = [finding("No  test for it", line=3, review=1), finding("no test for it", line=3, review=2), finding("no test for it", line=4)]
        self.assertEqual([len(members) for _, members in patterns.group(twice, RULES, 2)], [2])

    def test_the_same_findings_in_any_order_give_the_same_bytes(self):
        many = [finding(title, severity, f"src/{n}.rs", line=n) for n, (title, severity) in
                enumerate([("A race", "low"), ("A race", "high"), ("An empty list", "medium"), ("An empty text", "medium"), ("A race", "low")])]
        first = patterns.report(patterns.group(many, RULES, 2), 5, RULES)
        for seed in range(20):
            random.Random(seed).shuffle(many)
            self.assertEqual(patterns.report(patterns.group(many, RULES, 2), 5, RULES), first)
        self.assertLess(first.index("race"), first.index("edge"))

    def test_few_are_no_pattern(self):
        self.assertEqual(patterns.group([finding("A race")] * 3, RULES, 2), [])

    def test_a_title_is_text_and_nothing_else(self):
        self.assertEqual(patterns.said("![x](http://a) <b>|\n# no"), "\\!\\[x\\](http://a) \\<b\\>\\| # no")


if __name__ == "__main__":
    unittest.main()

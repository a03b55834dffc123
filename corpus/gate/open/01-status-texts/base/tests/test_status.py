import unittest

from reply import line, reason


class StatusTest(unittest.TestCase):
    def test_line(self):
        self.assertEqual(line(200), "HTTP/1.1 200 OK")

    def test_reasons(self):
        expected = {
            201: "Created",
            304: "Not Modified",
            404: "Not Found",
            413: "Content Too Large",
            422: "Unprocessable Content",
            503: "Service Unavailable",
        }
        self.assertEqual({code: reason(code) for code in expected}, expected)

    def test_a_code_without_a_name_has_that_of_its_class(self):
        self.assertEqual(reason(299), "Successful")
        self.assertEqual(reason(599), "Server Error")

    def test_no_status_code(self):
        for code in (99, 600):
            with self.subTest(code=code), self.assertRaises(ValueError):
                reason(code)


if __name__ == "__main__":
    unittest.main()

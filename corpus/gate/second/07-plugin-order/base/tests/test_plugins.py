import unittest

from document import save
from plugins import REGISTRY, UnknownPlugin, plugin


class Plugins(unittest.TestCase):
    def test_a_register(self):
        @plugin("trim")
        def trim(text):
            return text.strip()

        self.assertEqual(REGISTRY.names(), ["trim"])

    def test_b_applies(self):
        self.assertEqual(save("  a "), "a")

    def test_c_second_after_first(self):
        plugin("upper")(str.upper)
        self.assertEqual(REGISTRY.names(), ["trim", "upper"])
        self.assertEqual(save(" b "), "B")

    def test_d_before(self):
        plugin("double", before="upper")(lambda text: text * 2)
        self.assertEqual(REGISTRY.names(), ["trim", "double", "upper"])

    def test_e_twice(self):
        with self.assertRaises(ValueError):
            plugin("trim")(str.strip)

    def test_f_before_nothing(self):
        with self.assertRaises(UnknownPlugin):
            plugin("x", before="nothing")(str.strip)

from invoice import Invoice, Line

invoice = Invoice("1", [Line("a", 3, 2), Line("b", 7), Line("a", 3, 4)])
merged = invoice.merged()
assert [(line.sku, line.cents, line.quantity) for line in merged.lines] == [("a", 3, 6), ("b", 7, 1)]
assert invoice.total() == merged.total() == 25
print("holds")

CREATE TABLE orders (order_id TEXT PRIMARY KEY, ordered_on TEXT NOT NULL, country TEXT NOT NULL, portions INTEGER NOT NULL, total_minor INTEGER NOT NULL) STRICT;
INSERT INTO orders VALUES
  ('A-001', '2026-03-02', 'NO', 12, 150000),
  ('A-002', '2026-03-02', 'SE', 4, 54700),
  ('A-003', '2026-03-03', 'DK', 20, 299999),
  ('A-004', '2026-03-04', 'NO', 7, 87500),
  ('A-005', '2026-03-05', '<script>alert(1)</script>', 1, 12500);

"""Notes in one JSON file, with search and a small HTTP view."""

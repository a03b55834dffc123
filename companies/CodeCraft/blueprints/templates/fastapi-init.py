"""${{ vars.name }}: an HTTP API over PostgreSQL. `main.create_app` is the whole of it."""

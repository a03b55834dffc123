"""What this API is called wherever it speaks of itself."""

# fmt: off
NAME = ${{ vars.name_json }}
DESCRIPTION = ${{ vars.description_json }}

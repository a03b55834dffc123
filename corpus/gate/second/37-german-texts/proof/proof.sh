npx --no-install tsc -p . && node proof.mjs

import tempfile
from pathlib import Path

import config

assert not hasattr(config, "load_legacy") and not hasattr(config, "load")
with tempfile.TemporaryDirectory() as place:
    path = Path(place) / "c.toml"
    for text, key in [("host = 7\n", "host"), ('debug = "no"\n', "debug"), ("colour = 1\n", "colour")]:
        path.write_text(text)
        try:
            config.load_config(path)
        except config.ConfigError as error:
            assert key in str(error)
        else:
            raise SystemExit("took " + text)
print("holds")

from report import render

assert render([("Jo", 10), ("Al", 2.25)]).splitlines() == ["name   hours", "Jo      10.0", "Al       2.2", "total   12.2"], render([("Jo", 10), ("Al", 2.25)])
print("holds")

from reply import reason

assert [reason(code) for code in (100, 301, 401, 416, 500)] == [
    "Continue", "Moved Permanently", "Unauthorized", "Range Not Satisfiable", "Internal Server Error",
]
assert [reason(code) for code in (199, 398, 499, 598)] == ["Informational", "Redirection", "Client Error", "Server Error"]
for code in (0, 1000):
    try:
        reason(code)
    except ValueError:
        continue
    raise SystemExit(f"{code} was taken")
print("holds")

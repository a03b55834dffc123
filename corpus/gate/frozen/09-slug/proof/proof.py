from slugs import slugify

assert slugify("Ångström") == "aangstroem"
assert slugify("naïve ÄÖÜ") == "naive-aeoeue"
print("holds")

"""What is printed on a parcel."""


def label(name, street, postcode, town):
    return "\n".join([name, street, f"{postcode} {town}"])

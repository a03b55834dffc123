"""The lines that a customer gets by mail."""

from invoice import net, total


def statement(customer, lines, weeks_late=0):
    text = [f"{customer}: {len(lines)} items, {net(lines):.2f} EUR"]
    if weeks_late:
        text.append(f"with the late fee: {total(lines, weeks_late):.2f} EUR")
    return "\n".join(text)

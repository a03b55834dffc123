"""Old links. Use paging.v2."""


def page_links(count, size):
    return [f"?page={n}" for n in range(count // size + 1)]

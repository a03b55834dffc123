from paging.v1 import page_links
from paging.v2 import pages

__all__ = ["page_links", "pages"]

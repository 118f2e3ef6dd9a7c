"""What all pages of the service share: one frame, one style sheet, one policy, and the files they load.

See README.md of this folder.
"""

from service.pages.assets import Assets, assets
from service.pages.page import Entry, Page, Pages

__all__ = ["Assets", "Entry", "Page", "Pages", "assets"]

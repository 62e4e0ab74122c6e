"""What tests of the page wait for, and pictures of it."""

from __future__ import annotations

import os
from pathlib import Path

from playwright.sync_api import Page, expect

SCREENSHOTS = os.environ.get("XCTGRAPH_SCREENSHOTS")


def keep(page: Page, name: str) -> None:
    """A screenshot, where XCTGRAPH_SCREENSHOTS names a folder."""
    if SCREENSHOTS:
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png")


def drawn(page: Page, t: int) -> None:
    expect(page.locator(f"#picture[data-t='{t}']")).to_be_visible()

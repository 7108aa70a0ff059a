"""A real browser without a window: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

PATIENCE_MS: Final = 30_000
HELP: Final = (
    "no Chromium: install Debian's package chromium, or name one in BEARWATCH_TEST_CHROMIUM"
)


@contextmanager
def browser() -> Iterator[Browser]:
    """Chromium. Without it the test is skipped; in CI it fails."""
    program = os.environ.get("BEARWATCH_TEST_CHROMIUM") or shutil.which("chromium")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail(HELP)
        pytest.skip(HELP)
    # Chromium's sandbox does not work for root.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program, args=options)
        try:
            yield found
        finally:
            found.close()


class Watched:
    """A page, and everything that it should not do."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.hosts.add(request.url.split("/")[2]))
        page.on("dialog", lambda dialog: self._asked(dialog.message, dialog.dismiss))

    def ready(self, for_typing_in: str) -> None:
        """Wait until the page has put the cursor there: it does so with its first picture,
        which on a busy machine comes after the page counts as loaded."""
        self.page.wait_for_selector(f"{for_typing_in}:focus", state="attached")

    def keys(self, *names: str) -> None:
        """Press keys one after the other; no page follows from them."""
        for name in names:
            self.page.keyboard.press(name)

    def go(self, key: str) -> None:
        """Press a key that sends a form, and wait for the page that follows."""
        with self.page.expect_navigation():
            self.page.keyboard.press(key)

    def text(self, of: str) -> str:
        """What people read there."""
        return self.page.locator(of).inner_text()

    def picture(self, name: str) -> None:
        """For people to look at, in the folder BEARWATCH_TEST_PICTURES if that is set."""
        if folder := os.environ.get("BEARWATCH_TEST_PICTURES"):
            self.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

    def _asked(self, message: str, dismiss: object) -> None:
        self.complaints.append(f"a dialog: {message}")
        if callable(dismiss):
            dismiss()

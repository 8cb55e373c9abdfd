"""Debian's Chromium, headless, on this host, looking at a machine's pages through its nginx; driven by Playwright.

A page that writes an error to its console, or is refused something by the Content-Security-Policy, fails its test.
"""

import contextlib
import shutil
from pathlib import Path
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
# Root may not have a sandbox in here; the machine's certificate is its own; nothing is asked of a proxy.
ARGUMENTS = ["--no-sandbox", "--ignore-certificate-errors", "--no-proxy-server", "--autoplay-policy=no-user-gesture-required", "--mute-audio"]
# What a browser says of a network that went away is no fault of the page.
NETWORK = ("net::ERR_", "WebSocket connection to", "Failed to load resource")


@contextlib.contextmanager
def chromium():
    """One browser, for a run."""
    program = shutil.which("chromium")
    assert program, "chromium is missing: ./dev setup"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


class Window:
    """One person's window: a session, a theme, a size; all that went wrong in it."""

    def __init__(self, browser: Browser, address: str, token: str | None, theme: str = "light", phone: bool = False, language: str = "en-GB"):
        self.origin = f"https://{address}"
        self.context: BrowserContext = browser.new_context(
            base_url=self.origin, ignore_https_errors=True, locale=language, color_scheme=theme,
            viewport=PHONE if phone else DESKTOP, is_mobile=phone, has_touch=phone, reduced_motion="reduce", service_workers="block",
        )
        if token is not None:
            self.context.add_cookies([{
                "name": "__Host-barbossa_session", "value": token, "url": self.origin, "secure": True, "httpOnly": True, "sameSite": "Lax",
            }])
        self.faults: list = []
        self.foreign: list = []
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", self._asked)

    def _heard(self, message) -> None:
        if message.type == "error" and not any(word in message.text for word in NETWORK):
            self.faults.append(message.text)

    def _asked(self, request) -> None:
        host = urlsplit(request.url)
        if host.scheme in ("http", "https", "ws", "wss") and host.netloc != urlsplit(self.origin).netloc:
            self.foreign.append(request.url)

    def open(self, path: str) -> Page:
        """Goes there, and waits until it stands still."""
        self.page.goto(path)
        self.settle()
        return self.page

    def settle(self) -> None:
        """Until nothing is loading: no skeleton is left, and no picture is on its way."""
        self.page.wait_for_function(
            """() => document.querySelector('main') && !document.querySelector('.skeleton, .starting')
                && [...document.images].every((image) => image.complete || image.loading === 'lazy')"""
        )

    def picture(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path)

    def close(self) -> None:
        self.context.close()
        assert self.faults == [], self.faults
        assert self.foreign == [], self.foreign


def barriers(page: Page) -> list:
    """What axe finds of WCAG 2.2 AA, each as one line."""
    rules = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
    found = Axe().run(page, options=rules).response["violations"]
    return [f"{one['id']}: {one['help']}: {node['target']} {node['html'][:160]}" for one in found for node in one["nodes"]]

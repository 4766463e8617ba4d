"""A real headless Chromium for the tests of the page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
_PATIENCE_SECONDS = 90.0
"""How long a page may take: Chromium lets others go first on a busy machine."""


def found() -> tuple[str, str]:
    """Paths of Chromium and its driver; skips the test, saying why, where one is missing."""
    pytest.importorskip("selenium", reason="selenium is not installed (extra: test)")
    browser = next((path for name in _CHROMIUM if (path := shutil.which(name))), None)
    driver = shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.skip("chromium and chromedriver are not installed")
    return browser, driver


@contextmanager
def chromium(profile: Path, width: int, height: int, *, dark: bool = False) -> Iterator[Any]:
    """A browser window of the given size; its profile goes to `profile`, a new folder."""
    browser, driver = found()
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (*_FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    size = {"width": width, "height": height, "pixelRatio": 1.0}
    kind = {"mobile": width < 600, "touch": width < 600}
    options.add_experimental_option("mobileEmulation", {"deviceMetrics": size | kind})
    window = webdriver.Chrome(options=options, service=Service(driver))
    try:
        window.set_script_timeout(_PATIENCE_SECONDS)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        window.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        yield window
    finally:
        window.quit()


def errors(window: Any) -> list[str]:
    """Errors that the console has shown since the last call."""
    return [line["message"] for line in window.get_log("browser") if line["level"] == "SEVERE"]


def requests(window: Any) -> list[str]:
    """Addresses that the page has asked for since the last call."""
    import json

    messages = [json.loads(line["message"])["message"] for line in window.get_log("performance")]
    return [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]


def wait_until(window: Any, script: str, *given: Any) -> Any:
    """Wait until `script` returns something true, and return it."""
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(window, _PATIENCE_SECONDS, 0.05).until(
        lambda w: w.execute_script(script, *given)
    )

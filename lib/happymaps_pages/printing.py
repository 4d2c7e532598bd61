"""A page as PDF, printed by a Chromium of this machine where there is one."""

import os
import shutil
import subprocess
from pathlib import Path

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)
_SECONDS = 120
_HOW = (
    "Install Chromium or Google Chrome so that one of these is found: "
    f"{', '.join(BROWSERS)}; or open the page in any browser and print it to a file."
)


def print_page(page: Path, pdf: Path) -> str:
    """Print a page to a PDF.

    Args:
        page: An HTML file; it runs its scripts, as in a browser.
        pdf: The file to write.

    Returns:
        Why no PDF was made and what to do, in one sentence or two; empty if it was.
    """
    found = (shutil.which(name) for name in BROWSERS)
    browser = next((path for path in found if path), None)
    if browser is None:
        return f"No PDF was made: there is no browser to print it. {_HOW}"
    command = [
        browser,
        "--headless",
        "--disable-gpu",
        "--no-first-run",
        # Chromium refuses its sandbox to root; the page is one that was just written.
        *(["--no-sandbox"] if getattr(os, "geteuid", lambda: 1)() == 0 else []),
        "--virtual-time-budget=10000",
        "--no-pdf-header-footer",
        f"--print-to-pdf={pdf}",
        f"{page.absolute().as_uri()}#print",  # maps are drawn before they are near
    ]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        reason = f"{browser} did not end within {_SECONDS} s"
    except (OSError, subprocess.CalledProcessError) as error:
        reason = f"{browser} failed ({error})"
    else:
        if pdf.is_file():
            return ""
        reason = f"{browser} wrote none"
    return f"No PDF was made: {reason}. Open the page in a browser and print it there."

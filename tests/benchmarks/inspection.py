"""
How fast `digitseq inspect` is, how large its page: python tests/benchmarks/inspection.py MNIST_FOLDER WORK.

Whole processes on one dataset of 100,000 images, in turns with `digitseq verify`, which reads the same files:
medians of five runs. WORK is where the dataset is written (if left out, where temporary files go); it is
read once before anything is measured.

Then a page with as many of the images as fit, and, with chromium, chromedriver and selenium, how soon its
first image is there and how long its longest frame is while the images are scrolled.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from core import medians, process

_IMAGES = 100_000


def main() -> None:
    """Measure, and print a table."""
    files, where = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else tempfile.gettempdir()
    with TemporaryDirectory(dir=where) as temporary:
        folder = Path(temporary)
        os.environ["DIGITSEQ_CACHE_DIR"] = str(folder / "cache")
        digitseq = [sys.executable, "-m", "digitseq"]
        process([*digitseq, "fetch-mnist", "--from", str(files)], folder)
        batch = [*digitseq, "batch", "data", "-n", str(_IMAGES), "--length", "3-6", "--width", "200"]
        process([*batch, "--seed", "42"], folder)
        page = ["--html", "page.html", "--force"]
        commands: dict[str, list[str]] = {
            "verify": ["verify", "data"],
            "inspect": ["inspect", "data"],
            "inspect --html": ["inspect", "data", *page],
        }

        def timed(arguments: list[str]) -> Callable[[], float]:
            return lambda: process([*digitseq, *arguments], folder)[0]

        timed(commands["verify"])()  # the files are in memory from here on
        seconds = medians({name: timed(arguments) for name, arguments in commands.items()}, rounds=5)
        peak = process([*digitseq, "inspect", "data"], folder)[1]
        for name, value in seconds.items():
            print(f"{name:16} {value:6.2f} s  {value / seconds['verify']:5.2f} × verify")
        print(f"peak memory      {peak:6.0f} MiB")
        print(f"page             {(folder / 'page.html').stat().st_size / 1e6:6.2f} MB")
        largest = process([*digitseq, *commands["inspect --html"], "--images", str(_IMAGES)], folder)[1]
        size = (folder / "page.html").stat().st_size
        print(f"largest page     {size / 1e6:6.2f} MB, written in {largest:.0f} MiB")
        if shutil.which("chromium") and shutil.which("chromedriver"):
            browse(folder / "page.html")


_WATCH = """
new MutationObserver(async (_, own) => {
  if (document.documentElement.dataset.ready !== "yes") return;
  own.disconnect();
  await picture(data.sprites[chosen[0].at[0]]);
  requestAnimationFrame(() => (window.firstImage = performance.now()));
}).observe(document, { attributes: true, subtree: true });
"""
_SCROLL = """
const done = arguments[0], gallery = document.getElementById("gallery");
let last = performance.now(), longest = 0, steps = 0;
requestAnimationFrame(function frame(now) {
  if (steps) longest = Math.max(longest, now - last);
  last = now;
  gallery.scrollTop += 300;
  if (++steps < 300) requestAnimationFrame(frame);
  else done([longest, document.querySelectorAll(".card").length]);
});
"""


def browse(page: Path) -> None:
    """Measure the page in a browser."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for argument in ("headless", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "no-first-run"):
        options.add_argument(f"--{argument}")
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    with webdriver.Chrome(options=options, service=service) as driver:
        driver.set_script_timeout(120)
        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": _WATCH})
        firsts, frames = [], []
        for _ in range(5):
            driver.get(page.as_uri())
            while not driver.execute_script("return window.firstImage"):
                pass
            firsts.append(driver.execute_script("return window.firstImage"))
            longest, cards = driver.execute_async_script(_SCROLL)
            frames.append(longest)
        print(f"first image      {sorted(firsts)[2]:6.0f} ms")
        print(f"longest frame    {sorted(frames)[2]:6.0f} ms, while {cards} images were scrolled past")


if __name__ == "__main__":
    main()

"""
The page in a real browser: chromium, headless, from a file.

Without chromium, chromedriver and selenium the tests are skipped, but not where DIGITSEQ_TEST_BROWSER is set.
DIGITSEQ_ARTEFACTS names a folder for screenshots.
"""

import importlib.util
import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from digitseq import inspect_dataset, make_recipe, write_page

from .test_page import EVIL

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # selenium leaves sockets to the collector
_SIZES = {"desktop": (1280, 1000), "phone": (390, 844)}


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The browser."""
    browser, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or chromedriver is None or importlib.util.find_spec("selenium") is None:
        reason = "chromium, chromedriver or selenium are not here"
        if os.environ.get("DIGITSEQ_TEST_BROWSER"):
            pytest.fail(reason)
        pytest.skip(reason)
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in (
        "headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-dev-shm-usage",
        "disable-background-networking", "disable-component-update", "disable-sync",
        f"user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):  # fmt: skip
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(chromedriver)
    with webdriver.Chrome(options=options, service=service) as started:
        started.set_script_timeout(60)
        yield started


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with predictions, faults, augmentation, and a prediction that would like to be markup."""
    folder = tmp_path_factory.mktemp("page")
    augment = {"slant": 20, "noise": (0, 30), "background": 60, "chance": 0.5}
    recipe = make_recipe(
        length=(3, 6),
        spacing_range=(-2, 6),
        image_width=200,
        count=400,
        seed=8,
        source="builtin",
        augment=augment,
    )
    lines = []
    for i, label in enumerate(inspect_dataset(recipe).table.labels):
        read = (
            EVIL if i == 5 else label[:-1] if i % 9 == 0 else label.replace("4", "9") if i % 4 == 0 else label
        )
        lines.append(json.dumps({"index": i, "prediction": read, "confidence": (i % 7) / 7}))
    (folder / "p.jsonl").write_text("\n".join(lines))
    report = inspect_dataset(recipe, predictions=folder / "p.jsonl")
    return write_page(report, folder / "page.html")


class _Page:
    """The page in the browser, with what tests ask of it."""

    def __init__(self, driver: Any, path: Path, size: str, scheme: str = "light") -> None:
        self.driver = driver
        wide, high = _SIZES[size]
        metrics = {"width": wide, "height": high, "deviceScaleFactor": 1, "mobile": size == "phone"}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        driver.get_log("browser")
        driver.get(path.as_uri())
        self.wait("return document.documentElement.dataset.ready === 'yes'")

    def wait(self, script: str) -> None:
        for _ in range(600):
            if self.run(script):
                return
            self.driver.execute_async_script("setTimeout(arguments[0], 50)")
        raise AssertionError(f"did not come true: {script}")

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def type(self, keys: str, on: str = "body") -> None:
        self.driver.find_element("css selector", on).send_keys(keys)

    def choose(self, control: str, value: str) -> None:
        script = "const c = document.getElementById(arguments[0]); c.value = arguments[1]; "
        self.run(script + "c.dispatchEvent(new Event('input', {bubbles: true}))", control, value)

    def labels(self) -> list[str]:
        """Labels of the images shown."""
        script = (
            "return [...document.querySelectorAll('#grid canvas')].map((c) => c.getAttribute('aria-label'))"
        )
        return [text.removeprefix("label ").split(",")[0] for text in self.run(script)]

    def shown(self) -> str:
        return str(self.run("return document.getElementById('shown').textContent"))

    def colour(self) -> list[int]:
        found = self.run("return getComputedStyle(document.body).backgroundColor")
        return [int(part) for part in found[found.index("(") + 1 : -1].split(",")[:3]]


@pytest.mark.parametrize("size", _SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_loads_without_an_error_and_fits(driver: Any, page: Path, size: str, scheme: str) -> None:
    seen = _Page(driver, page, size, scheme)
    assert driver.get_log("browser") == []
    assert seen.run("return document.documentElement.scrollWidth <= window.innerWidth")
    assert (sum(seen.colour()) < 200) == (scheme == "dark")
    assert len(seen.labels()) == 60
    height = seen.run("return document.documentElement.scrollHeight")
    metrics = {
        "width": _SIZES[size][0],
        "height": min(height, 6_000),
        "deviceScaleFactor": 1,
        "mobile": False,
    }
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    folder = Path(os.environ.get("DIGITSEQ_ARTEFACTS") or page.parent)
    folder.mkdir(parents=True, exist_ok=True)
    picture = folder / f"inspect-{size}-{scheme}.png"
    driver.save_screenshot(str(picture))
    with Image.open(picture) as image:
        assert image.width == _SIZES[size][0]
        assert len(np.unique(np.array(image.convert("L")))) > 50


def test_nothing_that_a_file_says_is_carried_out(driver: Any, page: Path) -> None:
    seen = _Page(driver, page, "desktop")
    seen.choose("filter", "")
    seen.choose("sort", "worst errors first")
    assert EVIL.replace(" ", "␣") in seen.run("return document.getElementById('grid').textContent")
    seen.run("document.querySelector('#grid li').click()")
    assert EVIL in seen.run("return document.getElementById('facts').textContent")
    assert seen.run("return document.title").startswith("digitseq: ")
    assert seen.run("return document.querySelectorAll('main img, dialog img').length") == 0
    assert driver.get_log("browser") == []


def test_the_policy_stops_what_is_not_the_page_s_own(driver: Any, page: Path, tmp_path: Path) -> None:
    spoilt = tmp_path / "spoilt.html"
    text = page.read_text()
    spoilt.write_text(text.replace("<main>", "<script>document.title = 'moved'</script><main>", 1))
    seen = _Page(driver, spoilt, "desktop")
    assert seen.run("return document.title").startswith("digitseq: ")
    assert any("Content Security Policy" in entry["message"] for entry in driver.get_log("browser"))


def test_images_are_drawn_as_they_are(driver: Any, page: Path) -> None:
    seen = _Page(driver, page, "desktop")
    seen.choose("zoom", "1")
    script = """
    const c = document.querySelector('#grid canvas');
    return [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].filter((_, i) => i % 4 === 0);
    """
    drawn = np.array(seen.run(script)).reshape(28, 200)
    data = json.loads(seen.run("return document.getElementById('data').textContent"))
    recipe = data["report"]["recipe"]
    from digitseq import Recipe

    number = int(data["items"][0]["name"])
    pixels = inspect_dataset(Recipe.from_dict(recipe)).table.pixels(number)
    assert pixels is not None
    assert (drawn == pixels).all()
    seen.run("document.getElementById('boxes').click()")
    boxed = np.array(seen.run(script)).reshape(28, 200)
    assert (boxed != drawn).any()


def test_filters_and_sorting(driver: Any, page: Path) -> None:
    seen = _Page(driver, page, "desktop")
    assert seen.shown() == "showing 400 of 400"
    seen.choose("filter", "*7*")
    assert all("7" in label for label in seen.labels())
    assert 0 < int(seen.shown().split()[1]) < 400
    seen.choose("filter", "7##")
    assert all(len(label) == 3 and label[0] == "7" for label in seen.labels())
    seen.choose("filter", "")
    seen.choose("length", "5")
    assert {len(label) for label in seen.labels()} == {5}
    seen.choose("sort", "label")
    assert seen.labels() == sorted(seen.labels())
    seen.choose("length", "")
    seen.choose("sort", "longest label")
    assert {len(label) for label in seen.labels()} == {6}
    seen.run("document.getElementById('errors').click()")
    wrong = seen.run("return document.querySelectorAll('#grid li:not(.wrong)').length")
    assert wrong == 0
    assert 0 < int(seen.shown().split()[1]) < 200
    seen.run("document.getElementById('errors').click()")
    before = len(seen.labels())
    seen.run("document.getElementById('more').click()")
    assert len(seen.labels()) == before + 60
    seen.choose("filter", "99999999")
    assert seen.shown() == "showing 0 of 400"
    assert seen.labels() == []
    seen.choose("filter", "abc")
    assert seen.shown().startswith("invalid label pattern: ")
    assert seen.labels() == []
    seen.choose("filter", "*1*1*2*")
    wanted = [label for label in _labels(seen) if re.fullmatch("[0-9]*1[0-9]*1[0-9]*2[0-9]*", label)]
    assert sorted(seen.labels()) == sorted(wanted)
    assert wanted
    started = time.monotonic()
    seen.run("return pattern('*1*1*1*1*1*1*1*1*9').test('1'.repeat(5000) + '2')")
    assert time.monotonic() - started < 20  # a careless expression takes longer than the universe
    seen.choose("filter", "")
    seen.choose("sort", "smallest spacing")
    rooms = seen.run("return [...document.querySelectorAll('#grid li')].map((box) => itemOf.get(box).room)")
    assert rooms == sorted(rooms)
    assert rooms[0] == seen.run("return Math.min(...items.map((item) => item.room))") < 0
    assert seen.run("return Math.max(...items.map((item) => item.room))") > 0


def _labels(seen: _Page) -> list[str]:
    return [str(label) for label in seen.run("return items.map((item) => item.label)")]


def test_boxes_are_drawn_in_place_and_the_reader_stays_where_they_were(driver: Any, page: Path) -> None:
    seen = _Page(driver, page, "desktop")
    seen.type("\ue00c")  # a window without focus has no focused element
    seen.run("document.getElementById('more').click()")
    seen.run("document.querySelectorAll('#grid li')[71].focus()")
    seen.type("b", "#grid li:focus")
    assert seen.run("return document.getElementById('boxes').checked")
    assert len(seen.labels()) == 120
    assert seen.run("return [...document.querySelectorAll('#grid li')].indexOf(document.activeElement)") == 71
    seen.type(" ", "#grid li:focus")
    assert seen.run("return document.getElementById('one').open")
    seen.type("\ue00c")


def test_faults_can_be_found_among_the_images(driver: Any, copy: Path, tmp_path: Path) -> None:
    (copy / "train/images/000/000007.png").unlink()
    shutil.copy(copy / "train/images/000/000003.png", copy / "train/images/000/000004.png")
    seen = _Page(driver, write_page(inspect_dataset(copy), tmp_path / "p.html", images=40), "phone")
    assert seen.shown() == "showing 40 of 40 on this page (180 inspected)"
    seen.run("document.getElementById('faults').click()")
    assert seen.shown().startswith("showing 3 of 40 ")
    text = seen.run("return document.getElementById('grid').textContent")
    assert "no image" in text
    assert "000007.png: missing" in text
    assert "has the same pixels as train/images/000/000004.png" in text
    seen.run("[...document.querySelectorAll('#grid li')].find((b) => itemOf.get(b).missing).click()")
    facts = seen.run("return document.getElementById('facts').textContent")
    assert "missing" in facts
    assert "width" not in facts
    assert seen.run("return document.getElementById('one').scrollWidth <= window.innerWidth")
    assert driver.get_log("browser") == []


def test_a_picture_too_tall_to_show_whole_stops_nothing(driver: Any, tmp_path: Path) -> None:
    Image.new("L", (3, 200_000), 255).save(tmp_path / "tall.png")
    seen = _Page(driver, write_page(inspect_dataset(tmp_path / "tall.png"), tmp_path / "p.html"), "desktop")
    assert len(seen.labels()) == 1
    assert driver.get_log("browser") == []


def test_the_keyboard_does_what_the_mouse_does(driver: Any, page: Path) -> None:
    seen = _Page(driver, page, "desktop")
    dark = sum(seen.colour()) < 200
    seen.type("d")
    assert (sum(seen.colour()) < 200) != dark
    seen.type("b")
    assert seen.run("return document.getElementById('boxes').checked")
    seen.type("e")
    assert seen.run("return document.getElementById('errors').checked")
    seen.type("e")
    seen.type("/")
    assert seen.run("return document.activeElement.id") == "filter"
    seen.type("7db", "#filter")
    assert seen.run("return document.getElementById('filter').value") == "7db"  # typed, not obeyed
    assert seen.run("return document.getElementById('boxes').checked")
    seen.choose("filter", "")
    seen.type("\ue00c", "#filter")  # Escape
    focus = "return [...document.querySelectorAll('#grid li')].indexOf(document.activeElement)"
    seen.run("document.querySelector('#grid li').focus()")
    for key, place in (("\ue014", 1), ("\ue014", 2), ("\ue012", 1), ("\ue011", 0)):  # → → ← Home
        seen.type(key, "#grid li:focus")
        assert seen.run(focus) == place
    seen.type("\ue015", "#grid li:focus")  # ↓
    assert seen.run(focus) > 1
    assert seen.run("return document.querySelectorAll('#grid li[tabindex=\"0\"]').length") == 1
    seen.type("\ue007", "#grid li:focus")  # Enter
    assert seen.run("return document.getElementById('one').open")
    seen.type("\ue00c")
    assert not seen.run("return document.getElementById('one').open")
    seen.type("?")
    assert seen.run("return document.getElementById('keys').open")
    assert driver.get_log("browser") == []


def test_a_plain_dataset_has_no_tools_for_predictions(driver: Any, written: Path, tmp_path: Path) -> None:
    seen = _Page(driver, write_page(inspect_dataset(written), tmp_path / "p.html"), "phone")
    assert seen.run("return document.getElementById('only-errors').hidden")
    seen.choose("split", "test")
    assert seen.shown() == "showing 30 of 180"
    seen.type("e")
    assert seen.shown() == "showing 30 of 180"
    assert driver.get_log("browser") == []

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
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from digitseq import (
    inspect_dataset,
    make_recipe,
    score_predictions,
    write_comparison_page,
    write_dataset,
    write_page,
)

from .test_page import EVIL

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # selenium leaves sockets to the collector
_SIZES = {"desktop": (1280, 1000), "tablet": (800, 1000), "phone": (400, 844)}


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


class _Read(NamedTuple):
    """A dataset of plain images, what a model reads in them, and the page about it."""

    folder: Path
    labels: dict[str, str]
    read: dict[str, str]
    boxes: dict[str, list[list[int]]]
    page: Path


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> _Read:
    """A dataset with masks whose errors are substitutions 4 → 9 and 7 → 1, and missing last digits."""
    folder = tmp_path_factory.mktemp("plain")
    recipe = make_recipe(
        length=(3, 5), image_width=160, splits={"train": 200, "test": 60}, seed=3, source="builtin"
    )
    write_dataset(recipe, folder / "data", labels=["masks"], workers=1)
    labels, read, boxes = {}, {}, {}
    for split in ("train", "test"):
        for i, line in enumerate((folder / "data" / split / "metadata.jsonl").read_text().splitlines()):
            facts = json.loads(line)
            name, label = f"{split}/{facts['file_name']}", facts["label"]
            labels[name], boxes[name] = label, facts["objects"]["bbox"]
            read[name] = label
            if i % 3 == 0:
                read[name] = label.replace("4", "9")
            elif i % 3 == 1:
                read[name] = label.replace("7", "1")
            elif i % 6 == 5 and label[-1] != label[-2]:
                read[name] = label[:-1]
    lines = [json.dumps({"filename": name, "prediction": text}) for name, text in read.items()]
    (folder / "p.jsonl").write_text("\n".join(lines))
    report = inspect_dataset(folder / "data", predictions=folder / "p.jsonl")
    return _Read(folder, labels, read, boxes, write_page(report, folder / "page.html"))


class _Page:
    """The page in the browser, with what tests ask of it."""

    def __init__(
        self, driver: Any, path: Path, size: str = "desktop", scheme: str = "light", fragment: str = ""
    ) -> None:
        self.driver = driver
        wide, high = _SIZES[size]
        metrics = {"width": wide, "height": high, "deviceScaleFactor": 1, "mobile": size == "phone"}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        driver.get("about:blank")  # so that another fragment of the same page is loaded afresh
        driver.get_log("browser")
        driver.get(path.as_uri() + fragment)
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

    def click(self, selector: str) -> None:
        self.run("document.querySelector(arguments[0]).click()", selector)

    def pick(self, key: str, value: str) -> None:
        self.click(f'#charts [data-key="{key}"][data-pick="{value}"]')

    def picked(self, key: str, value: str) -> tuple[set[str], str]:
        """
        Pick a bar or cell; return the names of its images and the page's text about them.

        This is one call, so that the browser does not paint in between.
        """
        script = """
        const names = () => chosen.map((item) => item.name);
        const click = () => document.querySelector(arguments[0]).click();
        click();
        const picked = names(), text = document.getElementById('shown').textContent;
        restore();  // from the URL, as for somebody who was sent it
        const restored = names();
        click();
        return [picked, text, restored];
        """
        picked, text, restored = self.run(script, f'#charts [data-key="{key}"][data-pick="{value}"]')
        assert picked == restored
        return set(picked), text

    def labels(self) -> list[str]:
        """Labels of the images shown."""
        script = "return [...document.querySelectorAll('.card')].map((c) => c.getAttribute('aria-label'))"
        return [text.removeprefix("label ").split(",")[0] for text in self.run(script)]

    def names(self) -> set[str]:
        """Names of all images chosen, shown or not yet."""
        return set(self.run("return chosen.map((item) => item.name)"))

    def shown(self) -> str:
        return str(self.run("return document.getElementById('shown').textContent"))

    def colour(self) -> list[int]:
        found = self.run("return getComputedStyle(document.body).backgroundColor")
        return [int(part) for part in found[found.index("(") + 1 : -1].split(",")[:3]]

    def pixels(self) -> Any:
        """The first image as it is drawn, (height, width, 3)."""
        script = """
        const c = document.querySelector('.card canvas');
        const all = [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data];
        return [c.height, c.width, all.filter((_, i) => i % 4 < 3)];
        """
        self.wait("return pictures.size > 0")
        self.driver.execute_async_script("setTimeout(arguments[0], 200)")
        height, width, values = self.run(script)
        return np.array(values).reshape(height, width, 3)


@pytest.mark.parametrize("size", _SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_loads_without_an_error_fits_and_is_accessible(
    driver: Any, page: Path, size: str, scheme: str
) -> None:
    seen = _Page(driver, page, size, scheme)
    assert driver.get_log("browser") == []
    assert seen.run("return document.documentElement.scrollWidth <= window.innerWidth")
    assert (sum(seen.colour()) < 200) == (scheme == "dark")
    assert len(seen.labels()) >= 40
    if size != "phone":  # the images are in sight, without scrolling
        assert seen.run("return document.getElementById('gallery').getBoundingClientRect().top") < 500
    assert seen.run(_SMALLEST_TEXT) >= 12
    _check_accessibility(driver)
    seen.run("document.getElementById('gallery').style.maxHeight = '420px'")
    height = seen.run("return document.documentElement.scrollHeight")
    metrics = {
        "width": _SIZES[size][0],
        "height": min(height, 8_000),
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


_SMALLEST_TEXT = """
return Math.min(...[...document.querySelectorAll('main *')]
    .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()))
    .map((e) => parseFloat(getComputedStyle(e).fontSize)));
"""


def _check_accessibility(driver: Any) -> None:
    """Run axe-core, which knows the rules of WCAG."""
    from axe_selenium_python import Axe

    axe = Axe(driver)
    axe.inject()
    found = axe.run()["violations"]
    serious = [rule for rule in found if rule["impact"] in ("serious", "critical")]
    assert serious == [], [
        (rule["id"], [node["html"][:200] for node in rule["nodes"][:3]]) for rule in serious
    ]


def test_nothing_that_a_file_says_is_carried_out(driver: Any, page: Path) -> None:
    seen = _Page(driver, page)
    assert EVIL.replace(" ", "␣") in seen.run("return document.getElementById('grid').textContent")
    seen.run("document.querySelector('.card').click()")
    assert EVIL in seen.run("return document.getElementById('facts').textContent")
    assert seen.run("return document.title").startswith("digitseq: ")
    assert seen.run("return document.querySelectorAll('main img, dialog img').length") == 0
    for fragment in (
        f"#label={EVIL}",
        f"#error-digit={EVIL}",
        "#nothing=3&error-digit=99&confusion=99-99",
        "#%",
    ):
        seen = _Page(driver, page, fragment=fragment.replace(" ", "%20"))
        assert seen.run("return document.title").startswith("digitseq: ")
        assert seen.run("return picks.size") == 0
    assert driver.get_log("browser") == []


def test_the_policy_stops_what_is_not_the_page_s_own(driver: Any, page: Path, tmp_path: Path) -> None:
    spoilt = tmp_path / "spoilt.html"
    text = page.read_text()
    spoilt.write_text(text.replace("<main>", "<script>document.title = 'moved'</script><main>", 1))
    seen = _Page(driver, spoilt)
    assert seen.run("return document.title").startswith("digitseq: ")
    assert any("Content Security Policy" in entry["message"] for entry in driver.get_log("browser"))


def test_images_boxes_and_masks_are_drawn_as_they_are(driver: Any, plain: _Read) -> None:
    seen = _Page(driver, plain.page, fragment="#sort=default+order")
    seen.choose("zoom", "1")
    name = seen.run("return chosen[0].name")
    with Image.open(plain.folder / "data" / name) as image:
        stored = np.asarray(image)
    drawn = seen.pixels()
    assert (drawn == stored[..., None]).all()
    seen.click("#boxes")
    assert (seen.pixels() != drawn).any()
    seen.click("#boxes")
    seen.click("#masks")
    with Image.open(plain.folder / "data" / name.replace("images", "masks")) as image:
        mask = np.asarray(image)
    assert ((seen.pixels() != drawn).any(2) == (mask > 0)).all()


# --- Everything filters -----------------------------------------------------------------------------------


def _errors(data: _Read) -> dict[str, list[tuple[int, str, str]]]:
    """Name → the position, the true digit and what was read, for each misread digit."""
    errors: dict[str, list[tuple[int, str, str]]] = {}
    for name, label in data.labels.items():
        pairs = zip_longest(label, data.read[name], fillvalue="")
        errors[name] = [(place, a, b) for place, (a, b) in enumerate(pairs) if a != b]
    return errors


def test_every_cell_of_the_matrix_shows_its_images(driver: Any, plain: _Read) -> None:
    expected: dict[str, set[str]] = {}
    for name, label in plain.labels.items():
        for true, read in zip_longest(label, plain.read[name], fillvalue=""):
            expected.setdefault(f"{true}-{read or 11}", set()).add(name)
    seen = _Page(driver, plain.page)
    cells = seen.run("return [...document.querySelectorAll('table [data-pick]')].map((b) => b.dataset.pick)")
    assert set(cells) == set(expected)
    for cell, names in expected.items():
        picked, shown = seen.picked("confusion", cell)
        assert picked == names, cell
        true, _, read = cell.partition("-")
        said = {"11": f"{true} missed", true: f"{true} read correctly"}.get(read, f"{true} read as {read}")
        assert shown == f"{said}: {len(names)} image{'s' * (len(names) > 1)}"
    assert seen.shown() == "showing 260 of 260"
    worst = max((len([1 for n in s]), c) for c, s in expected.items() if c in ("4-9", "7-1"))[1]
    seen.click("#verdict button.link")
    assert seen.names() == expected[worst]


def _expected_bars(data: _Read) -> dict[str, dict[str, set[str]]]:
    """Chart → bar → images, from the labels, the boxes and the pixels alone."""
    charts: dict[str, dict[str, set[str]]] = {}

    def add(chart: str, bar: object, name: str) -> None:
        charts.setdefault(chart, {}).setdefault(str(bar), set()).add(name)

    errors = _errors(data)
    for name, label in data.labels.items():
        for digit in label:
            add("data-digit", digit, name)
        add("data-length", len(label), name)
        boxes = data.boxes[name]
        gaps = [b[0] - a[0] - a[2] for a, b in pairwise(boxes)]
        for gap in gaps:
            add("data-spacing", gap, name)
        with Image.open(data.folder / "data" / name) as image:
            pixels = np.asarray(image)
        columns = np.flatnonzero(pixels.any(0))
        add("data-width-use", f"{int((columns[-1] + 1 - columns[0]) / 160 * 20) * 5}%", name)
        if errors[name]:
            add("error-length", len(label), name)
            add("error-split", name.partition("/")[0], name)
        for place, true, _ in errors[name]:
            add("error-digit", true, name)
            add("error-position", place + 1, name)
            add("error-end", len(label) - place, name)
            add("error-spacing", min(gaps[max(place - 1, 0) : place + 1]), name)
    return charts


def test_every_bar_shows_its_images(driver: Any, plain: _Read) -> None:
    seen = _Page(driver, plain.page)
    charts = seen.run(
        "return data.charts.map((c) => [c.key, c.bars.map((b) => [b.name, Math.max(...b.values)])])"
    )
    expected = _expected_bars(plain)
    assert {key for key, _ in charts} == {*expected, "data-ink"}
    for key, bars in charts:
        every = set()
        for number, (name, value) in enumerate(bars):
            names, _ = seen.picked(key, str(number))
            every |= names
            if key != "data-ink":
                assert names == expected[key].get(name, set()), (key, name)
            assert (value > 0) == bool(names)
        wrong = {name for name, errors in _errors(plain).items() if errors}
        assert every == (wrong if key.startswith("error-") else set(plain.labels))
    name, ink = seen.run("return [items[0].name, items[0].ink]")
    with Image.open(plain.folder / "data" / name) as image:
        assert ink == pytest.approx(np.asarray(image).mean() / 255, abs=1e-5)


def test_strengths_of_effects_show_their_wrong_images(driver: Any, page: Path) -> None:
    seen = _Page(driver, page)
    wrong = set(seen.run("return items.filter((item) => item.wrong).map((item) => item.name)"))
    for key in ("error-slant", "error-noise", "error-background"):
        every: list[str] = []
        for number, tip in enumerate(
            seen.run("return charts.get(arguments[0]).bars.map((b) => b.tips[0])", key)
        ):
            names, _ = seen.picked(key, str(number))
            assert len(names) == int(tip.split(": ")[1].split()[0])
            every += names
        assert sorted(every) == sorted(wrong)


def test_a_view_is_in_the_address_and_can_be_undone(driver: Any, plain: _Read) -> None:
    seen = _Page(driver, plain.page)
    fours = {name for name, errors in _errors(plain).items() if any(e[1:] == ("4", "9") for e in errors)}
    seen.pick("confusion", "4-9")
    seen.choose("length", "4")
    seen.choose("split", "train")
    seen.choose("sort", "label")
    wanted = {name for name in fours if len(plain.labels[name]) == 4 and name.startswith("train/")}
    assert seen.names() == wanted
    assert seen.shown() == f"4 read as 9, length 4, split train: {len(wanted)} images"
    address = seen.run("return location.hash")
    again = _Page(driver, plain.page, fragment=address)
    assert again.names() == wanted
    assert again.labels() == sorted(again.labels())
    assert again.run("return document.getElementById('length').value") == "4"
    seen = _Page(driver, plain.page)
    seen.pick("confusion", "4-9")
    seen.choose("length", "4")
    seen.choose("label", "*4*")
    seen.type("u")
    seen.wait("return !document.getElementById('label').value")
    seen.run("document.getElementById('length').focus()")
    seen.type("u", "#length")  # a list keeps the focus after a choice
    seen.wait("return !document.getElementById('length').value")
    assert seen.names() == fours
    seen.type("u")
    seen.wait("return location.hash.length < 2")
    assert seen.shown() == "showing 260 of 260"
    seen.pick("data-digit", "3")
    seen.type("*4", "#label")
    seen.run("document.getElementById('label').blur()")
    seen.type("u")  # what was typed is one step
    seen.wait("return !document.getElementById('label').value")
    assert seen.names() == {name for name, label in plain.labels.items() if "3" in label}
    seen.type("u")
    seen.wait("return picks.size === 0")
    seen.type("u")  # nothing is left to undo; the page stays
    assert seen.shown() == "showing 260 of 260"
    seen.pick("data-digit", "3")
    seen.pick("data-length", "1")
    assert seen.names() == {name for name, label in plain.labels.items() if "3" in label and len(label) == 4}
    driver.back()
    seen.wait("return picks.size === 1")
    seen.type("\ue00c")  # Escape
    assert seen.shown() == "showing 260 of 260"
    seen.pick("data-digit", "3")
    seen.click("#chips button")
    assert seen.shown() == "showing 260 of 260"
    assert driver.get_log("browser") == []


def test_filters_and_sorting(driver: Any, page: Path) -> None:
    seen = _Page(driver, page)
    assert seen.shown() == "showing 400 of 400"
    assert seen.run("return document.getElementById('sort').value") == "worst errors first"
    seen.choose("label", "*7*")
    assert all("7" in label for label in seen.labels())
    assert 0 < _count(seen) < 400
    seen.choose("label", "7##")
    assert all(len(label) == 3 and label[0] == "7" for label in seen.labels())
    seen.choose("label", "")
    seen.choose("length", "5")
    assert {len(label) for label in seen.labels()} == {5}
    seen.choose("sort", "label")
    assert seen.labels() == sorted(seen.labels())
    seen.choose("length", "")
    seen.choose("sort", "longest label")
    assert {len(label) for label in seen.labels()} == {6}
    seen.run("document.getElementById('errors').click()")
    assert seen.run("return document.querySelectorAll('.card:not(.wrong)').length") == 0
    assert 0 < _count(seen) < 200
    seen.run("document.getElementById('errors').click()")
    before = len(seen.labels())
    seen.run("document.getElementById('gallery').scrollTop = 1e9")
    seen.wait(f"return document.querySelectorAll('.card').length > {before}")
    seen.choose("label", "99999999")
    assert seen.shown() == "label 99999999: 0 images"
    assert seen.labels() == []
    seen.choose("label", "abc")
    assert seen.shown().startswith("invalid label pattern: ")
    assert seen.labels() == []
    seen.choose("label", "*1*1*2*")
    wanted = [label for label in _labels(seen) if re.fullmatch("[0-9]*1[0-9]*1[0-9]*2[0-9]*", label)]
    assert sorted(seen.labels()) == sorted(wanted)
    assert wanted
    started = time.monotonic()
    seen.run("return pattern('*1*1*1*1*1*1*1*1*9').test('1'.repeat(5000) + '2')")
    assert time.monotonic() - started < 60  # a careless expression takes longer than the universe
    seen.choose("label", "")
    seen.choose("sort", "smallest spacing")
    rooms = seen.run("return [...document.querySelectorAll('.card')].map((box) => itemOf.get(box).room)")
    assert rooms == sorted(rooms)
    assert rooms[0] == seen.run("return Math.min(...items.map((item) => item.room))") < 0
    assert seen.run("return Math.max(...items.map((item) => item.room))") > 0


def _count(seen: _Page) -> int:
    return int(seen.run("return chosen.length"))


def _labels(seen: _Page) -> list[str]:
    return [str(label) for label in seen.run("return items.map((item) => item.label)")]


def test_boxes_are_drawn_in_place_and_the_reader_stays_where_they_were(driver: Any, page: Path) -> None:
    seen = _Page(driver, page)
    seen.type("\ue00c")  # a window without focus has no focused element
    seen.run("more()")
    shown = len(seen.labels())
    seen.run("document.querySelectorAll('.card')[71].focus()")
    seen.type("b", ".card:focus")
    assert seen.run("return document.getElementById('boxes').checked")
    assert len(seen.labels()) >= shown
    assert seen.run("return [...document.querySelectorAll('.card')].indexOf(document.activeElement)") == 71
    seen.type(" ", ".card:focus")
    assert seen.run("return document.getElementById('one').open")
    first = seen.run("return document.querySelector('#facts dd').textContent")
    seen.type("\ue014")  # →
    assert seen.run("return document.querySelector('#facts dd').textContent") != first
    seen.type("\ue00c")


def test_a_fault_shows_its_images(driver: Any, copy: Path, tmp_path: Path) -> None:
    (copy / "train/images/000/000007.png").unlink()
    shutil.copy(copy / "train/images/000/000003.png", copy / "train/images/000/000004.png")
    seen = _Page(driver, write_page(inspect_dataset(copy), tmp_path / "p.html", images=40), "phone")
    assert seen.shown() == "showing 40 of 40 on this page (180 inspected)"
    assert "3of 180 images with faults" in seen.run("return document.getElementById('verdict').textContent")
    seen.run("document.getElementById('faults').click()")
    assert seen.shown() == "faults only: 3 images on this page"
    text = seen.run("return document.getElementById('grid').textContent")
    assert "no image" in text
    assert "000007.png: missing" in text
    assert "has the same pixels as train/images/000/000004.png" in text
    seen.run("document.getElementById('faults').click()")
    expected = {
        "missing or damaged files": {"train/images/000/000007.png"},
        "groups of images with the same pixels": {
            "train/images/000/000003.png",
            "train/images/000/000004.png",
        },
    }
    sentences = seen.run("return data.findings.map((finding) => finding.sentence)")
    for sentence, names in expected.items():
        number = sentences.index(sentence)
        seen.click(f'#findings [data-pick="{number}"]')
        assert seen.names() == names
        assert seen.shown() == f"{sentence}: {len(names)} image{'s' * (len(names) > 1)} on this page"
        seen.type("\ue00c")
    seen.run("[...document.querySelectorAll('.card')].find((b) => itemOf.get(b).missing).click()")
    facts = seen.run("return document.getElementById('facts').textContent")
    assert "missing" in facts
    assert "width" not in facts
    assert seen.run("return document.getElementById('one').scrollWidth <= window.innerWidth")
    assert driver.get_log("browser") == []


def test_a_picture_too_tall_to_show_whole_stops_nothing(driver: Any, tmp_path: Path) -> None:
    Image.new("L", (3, 200_000), 255).save(tmp_path / "tall.png")
    seen = _Page(driver, write_page(inspect_dataset(tmp_path / "tall.png"), tmp_path / "p.html"))
    assert len(seen.labels()) == 1
    assert driver.get_log("browser") == []


def test_the_keyboard_does_what_the_mouse_does(driver: Any, page: Path) -> None:
    seen = _Page(driver, page)
    dark = sum(seen.colour()) < 200
    seen.type("d")
    assert (sum(seen.colour()) < 200) != dark
    seen.type("b")
    assert seen.run("return document.getElementById('boxes').checked")
    seen.type("e")
    assert seen.run("return document.getElementById('errors').checked")
    seen.type("e")
    seen.type("/")
    assert seen.run("return document.activeElement.id") == "label"
    seen.type("7db", "#label")
    assert seen.run("return document.getElementById('label').value") == "7db"  # typed, not obeyed
    assert seen.run("return document.getElementById('boxes').checked")
    seen.choose("label", "")
    seen.type("\ue00c", "#label")  # Escape
    focus = "return [...document.querySelectorAll('.card')].indexOf(document.activeElement)"
    seen.run("document.querySelector('.card').focus()")
    for key, place in (("\ue014", 1), ("\ue014", 2), ("\ue012", 1), ("\ue011", 0)):  # → → ← Home
        seen.type(key, ".card:focus")
        assert seen.run(focus) == place
    seen.type("\ue015", ".card:focus")  # ↓
    assert seen.run(focus) > 1
    assert seen.run("return document.querySelectorAll('.card[tabindex=\"0\"]').length") == 1
    seen.type("\ue007", ".card:focus")  # Enter
    assert seen.run("return document.getElementById('one').open")
    seen.type("\ue00c")
    assert not seen.run("return document.getElementById('one').open")
    seen.type("c")
    assert seen.run("return document.activeElement.classList.contains('bar')")
    seen.type("\ue014", ".bar:focus")  # →
    seen.type(" ", ".bar:focus")
    assert seen.run("return picks.get('error-digit')") == "1"
    seen.type("u")
    seen.wait("return picks.size === 0")
    seen.type("i")
    assert seen.run("return document.activeElement.classList.contains('card')")
    seen.type("?")
    assert seen.run("return document.getElementById('keys').open")
    assert driver.get_log("browser") == []


def test_a_plain_dataset_has_no_tools_for_predictions(driver: Any, written: Path, tmp_path: Path) -> None:
    seen = _Page(driver, write_page(inspect_dataset(written), tmp_path / "p.html"), "phone")
    assert seen.run("return document.getElementById('errors').closest('label').hidden")
    assert "No faults" in seen.run("return document.getElementById('verdict').textContent")
    assert seen.run("return document.querySelectorAll('table').length") == 0
    seen.choose("split", "test")
    assert seen.shown() == "split test: 30 images"
    seen.type("e")
    assert seen.shown() == "split test: 30 images"
    _check_accessibility(driver)
    assert driver.get_log("browser") == []


# --- Two of them ------------------------------------------------------------------------------------------


def test_two_models_side_by_side_with_the_images_where_they_differ_first(
    driver: Any, plain: _Read, tmp_path: Path
) -> None:
    better = {
        name: text if n % 2 else plain.labels[name] for n, (name, text) in enumerate(plain.read.items())
    }
    worse = better | {next(iter(plain.labels)): "0"}
    for file, read in (("a.jsonl", plain.read), ("b.jsonl", worse)):
        lines = [json.dumps({"filename": name, "prediction": text}) for name, text in read.items()]
        (tmp_path / file).write_text("\n".join(lines))
    first = inspect_dataset(plain.folder / "data", predictions=tmp_path / "a.jsonl")
    second = score_predictions(first, tmp_path / "b.jsonl")
    seen = _Page(driver, write_comparison_page(first, second, tmp_path / "p.html"))
    right = [
        {name for name, text in read.items() if text == plain.labels[name]} for read in (plain.read, worse)
    ]
    only = [right[0] - right[1], right[1] - right[0]]
    for view, names in (
        ("only a.jsonl right", only[0]), ("only b.jsonl right", only[1]),
        ("both wrong", set(plain.labels) - right[0] - right[1]), ("both right", right[0] & right[1]),
    ):  # fmt: skip
        seen.choose("view", view)
        assert seen.names() == names
    seen.choose("view", "")
    order = seen.run("return chosen.map((item) => item.name)")
    assert set(order[: len(only[0] | only[1])]) == only[0] | only[1]
    fours = {
        n
        for n, t in worse.items()
        if "4" in plain.labels[n] and t == plain.labels[n].replace("4", "9") != plain.labels[n]
    }
    bars = seen.run("return charts.get('error-digit').bars.map((bar) => bar.name)")
    seen.pick("error-digit", f"{bars.index('4')}b")
    assert seen.names() >= fours
    assert "(b.jsonl)" in seen.shown()
    assert "McNemar" in seen.run("return document.getElementById('verdict').textContent")
    _check_accessibility(driver)
    assert driver.get_log("browser") == []


def test_two_datasets_side_by_side(driver: Any, written: Path, copy: Path, tmp_path: Path) -> None:
    shutil.copy(copy / "train/images/000/000003.png", copy / "train/images/000/000004.png")
    first, second = inspect_dataset(written), inspect_dataset(copy)
    seen = _Page(driver, write_comparison_page(first, second, tmp_path / "p.html"))
    assert seen.run("return chosen[0].name") == "train/images/000/000004.png"
    assert "1of 180 pairs of images differ" in seen.run(
        "return document.getElementById('verdict').textContent"
    )
    assert seen.run("return document.querySelectorAll('.card:first-child canvas').length") >= 2
    seen.choose("view", "different")
    assert seen.names() == {"train/images/000/000004.png"}
    seen.run("document.querySelector('.card').click()")
    assert not seen.run("return document.getElementById('large-second').hidden")
    assert driver.get_log("browser") == []


def test_faults_of_both_datasets_are_named_and_found(
    driver: Any, written: Path, copy: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(written, tmp_path / "other"))
    folder = "train/images/000"
    (copy / folder / "000005.png").unlink()
    (other / folder / "000009.png").unlink()
    shutil.copy(other / folder / "000003.png", other / folder / "000005.png")
    first, second = inspect_dataset(copy), inspect_dataset(other)
    seen = _Page(driver, write_comparison_page(first, second, tmp_path / "p.html"))
    sentences = seen.run("return data.findings.map((finding) => finding.sentence)")
    for report, names in ((first, {"000005"}), (second, {"000009"})):
        number = sentences.index(f"missing or damaged files ({report.name})")
        seen.click(f'#findings [data-pick="{number}"]')
        assert seen.names() == {f"{folder}/{name}.png" for name in names}
        seen.type("\ue00c")
    seen.click("#faults")
    assert seen.names() == {f"{folder}/{name}.png" for name in ("000003", "000005", "000009")}


def test_an_image_that_only_one_dataset_has_is_no_fault(driver: Any, tmp_path: Path) -> None:
    for name, count in (("a", 30), ("b", 20)):
        recipe = make_recipe(length=3, count=count, seed=1, source="builtin", image_width=100)
        write_dataset(recipe, tmp_path / name, workers=1)
    pair = [inspect_dataset(tmp_path / name) for name in ("a", "b")]
    seen = _Page(driver, write_comparison_page(pair[0], pair[1], tmp_path / "p.html"))
    assert seen.run("return document.getElementById('faults').closest('label').hidden")
    assert seen.run("return items.filter((item) => item.only).length") == 10

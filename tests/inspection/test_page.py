"""The page is one file that needs nothing else, states what is on it, and is not moved by what files say."""

import base64
import io
import json
import re
import shutil
from hashlib import sha256
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from digitseq import (
    Choice,
    Report,
    inspect_dataset,
    make_recipe,
    score_predictions,
    write_comparison_page,
    write_page,
)
from digitseq.errors import ArgumentError, OutputError

EVIL = "</script><script>document.title='moved'</script><img src=x onerror=document.title='moved'>"


class _Elements(HTMLParser):
    """The elements of a page with their attributes and their text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs), []))

    def handle_endtag(self, tag: str) -> None:
        self.found.append(("", {}, []))  # what follows is not its text

    def handle_data(self, data: str) -> None:
        if self.found:
            self.found[-1][2].append(data)


def _page(report: Report, path: Path, **settings: Any) -> tuple[str, dict[str, Any]]:
    text = write_page(report, path, force=True, **settings).read_text()
    (data,) = (texts for tag, attrs, texts in _Elements(text).found if attrs.get("id") == "data")
    return text, json.loads("".join(data))


def _sprite(source: str) -> np.ndarray[Any, Any]:
    data = base64.b64decode(source.removeprefix("data:image/png;base64,"))
    return np.array(Image.open(io.BytesIO(data)))


def test_the_page_asks_nothing_of_a_network(written: Path, tmp_path: Path) -> None:
    text, _ = _page(inspect_dataset(written), tmp_path / "p.html")
    for tag, attributes, _ in _Elements(text).found:
        assert tag not in ("link", "iframe", "object", "embed", "base")
        assert not {"src", "href", "srcset", "action"} & attributes.keys()
    assert "url(" not in text
    assert set(re.findall(r"https?://[^\"' )]+", text)) <= {"http://www.w3.org/2000/svg"}


def test_only_the_page_s_own_script_and_style_may_act(written: Path, tmp_path: Path) -> None:
    text, _ = _page(inspect_dataset(written), tmp_path / "p.html")
    elements = _Elements(text).found
    (policy,) = (a["content"] for tag, a, _ in elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for wanted, kind in (("script", "script-src"), ("style", "style-src")):
        (own,) = (
            "".join(t) for tag, a, t in elements if tag == wanted and a.get("type") != "application/json"
        )
        digest = base64.b64encode(sha256(own.encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}'" in policy


def test_what_files_say_stays_text(written: Path, tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(json.dumps({"index": 3, "prediction": EVIL}) + "\n")
    report = inspect_dataset(written, predictions=path, partial=True)
    text, data = _page(report, tmp_path / "p.html")
    assert "</script><script>" not in text.replace("</script>\n<script>", "")
    assert len([tag for tag, _, _ in _Elements(text).found if tag in ("script", "img")]) == 2
    assert [item["read"] for item in data["items"] if item["read"] is not None] == [EVIL]
    (raw,) = ("".join(texts) for tag, attrs, texts in _Elements(text).found if attrs.get("id") == "data")
    assert not set("<>&") & set(raw)


def test_every_image_is_on_its_place_in_a_sprite(written: Path, tmp_path: Path) -> None:
    report = inspect_dataset(written)
    _, data = _page(report, tmp_path / "p.html")
    sprites = [_sprite(source) for source in data["sprites"]]
    assert len(sprites) == 2
    assert len(data["items"]) == 180
    assert data["stated"] == "All 180 images."
    for image, item in enumerate(data["items"]):
        number, top, height = item["at"]
        assert (sprites[number][top : top + height, : item["w"]] == report.table.pixels(image)).all()
        assert item["label"] == report.table.labels[image]
        assert item["boxes"] == report.table.boxes_of(image).tolist()
        assert item["gaps"] == report.table.seen_px[report.table.image == image][:-1].tolist()
    heat = np.array(data["heat"])
    assert heat.shape == (28, 150)
    assert heat.max() == 255
    (lengths,) = (chart for chart in data["charts"] if chart["key"] == "data-length")
    assert [bar["name"] for bar in lengths["bars"]] == ["3", "4", "5"]


def test_the_sample_is_stated_and_faults_come_first(copy: Path, tmp_path: Path) -> None:
    (copy / "train/images/000/000077.png").unlink()
    report = inspect_dataset(copy)
    _, data = _page(report, tmp_path / "p.html", images=20)
    assert len(data["items"]) == 20
    assert data["items"][0]["name"] == "train/images/000/000077.png"
    assert data["items"][0]["missing"]
    assert data["items"][0]["faults"] == ["train/images/000/000077.png: missing"]
    expected = "20 of 180 images, at random (seed 0). Images with errors or faults come first."
    assert data["stated"] == expected
    again = write_page(report, tmp_path / "q.html", images=20).read_bytes()
    assert again == (tmp_path / "p.html").read_bytes()
    _, data = _page(report, tmp_path / "p.html", images=5, choice=Choice(order="widest", length=(3, 3)))
    assert {len(item["label"]) for item in data["items"]} == {3}
    assert data["stated"] == "5 of 180 images, in the order 'widest', length 3."
    extents = [item["extent"] for item in data["items"]]
    assert extents == sorted(extents, reverse=True)


def test_a_page_of_large_noisy_images_stays_small(tmp_path: Path) -> None:
    augment = {"noise": (50, 60), "background": (100, 160)}
    settings: dict[str, Any] = {"count": 200, "seed": 1, "source": "builtin", "augment": augment}
    recipe = make_recipe(["1"], (0, 0), 4_000, **settings)  # 22 MB of noise
    _, data = _page(inspect_dataset(recipe), tmp_path / "p.html")
    assert 20 < len(data["items"]) < 200
    assert data["stated"].endswith(
        f"To limit the page size, only the first {len(data['items'])} appear here."
    )
    assert (tmp_path / "p.html").stat().st_size < 15e6


def test_pages_that_cannot_be_made_are_told(written: Path, tmp_path: Path) -> None:
    report = inspect_dataset(written)
    for images in (0, 100_001, True, "9"):
        with pytest.raises(ArgumentError, match="images"):
            write_page(report, tmp_path / "p.html", images=images)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="no image matches"):
        write_page(report, tmp_path / "p.html", choice=Choice(label="9"))
    with pytest.raises(OutputError, match="cannot be written"):
        write_page(report, tmp_path / "nowhere" / "p.html")
    write_page(report, tmp_path / "p.html")
    with pytest.raises(OutputError, match="already exists"):
        write_page(report, tmp_path / "p.html")


def test_a_page_of_one_image_or_of_none_that_can_be_read(tmp_path: Path, copy: Path) -> None:
    Image.new("L", (50, 40)).save(tmp_path / "a.png")
    _, data = _page(inspect_dataset(tmp_path / "a.png"), tmp_path / "p.html")
    assert data["items"][0]["label"] == ""
    for file in copy.rglob("*.png"):
        file.unlink()
    _, data = _page(inspect_dataset(copy), tmp_path / "p.html")
    assert [entry[2] for entry in data["verdict"]] == ["bad"]
    recipe = make_recipe(length=(2, 2), count=0, image_width=50, seed=1, source="builtin")
    _, data = _page(inspect_dataset(recipe), tmp_path / "q.html")
    assert (data["items"], data["stated"]) == ([], "No images.")
    with pytest.raises(ArgumentError, match="no image matches"):
        write_page(inspect_dataset(recipe), tmp_path / "r.html", choice=Choice(label="9"))


def test_a_page_of_very_long_lines_stays_small_and_shows_their_left_part(tmp_path: Path) -> None:
    recipe = make_recipe(["1234567890" * 300], (0, 1), None, count=12, seed=1, source="builtin")
    _, data = _page(inspect_dataset(recipe), tmp_path / "p.html")
    assert {item["w"] for item in data["items"]} == {4_096}
    assert max(box[0] for item in data["items"] for box in item["boxes"]) < 4_096
    assert {len(item["gaps"]) for item in data["items"]} == {200}
    assert (tmp_path / "p.html").stat().st_size < 1e6


def test_the_worst_come_first_and_take_half_of_a_sample(copy: Path, tmp_path: Path) -> None:
    shutil.copy(copy / "train/images/000/000003.png", copy / "train/images/000/000004.png")
    labels = inspect_dataset(copy).table.labels
    report = inspect_dataset(copy, predictions=[label[::-1] + "1" for label in labels])
    _, data = _page(report, tmp_path / "p.html", images=40)
    assert report.scores is not None
    worst = [mistake.name for mistake in report.scores.mistakes]
    assert [item["name"] for item in data["items"]][:20] == worst[:20]
    assert {"train/images/000/000003.png", "train/images/000/000004.png"} <= {
        i["name"] for i in data["items"]
    }
    assert len(data["items"]) == 40


def test_an_order_is_kept_though_all_images_fit(written: Path, tmp_path: Path) -> None:
    _, data = _page(inspect_dataset(written), tmp_path / "p.html", choice=Choice(order="widest"))
    extents = [item["extent"] for item in data["items"]]
    assert extents == sorted(extents, reverse=True)
    assert len(extents) == 180


def test_long_labels_and_predictions_do_not_swell_the_page(tmp_path: Path) -> None:
    recipe = make_recipe(["1234567890" * 100], (0, 1), None, count=60, seed=1, source="builtin")
    report = inspect_dataset(recipe, predictions=["x" * 10_000] * 60)
    _, data = _page(report, tmp_path / "p.html")
    assert (tmp_path / "p.html").stat().st_size < 5e6
    assert max(len(item["read"]) for item in data["items"]) == 201


def test_long_labels_have_few_bars(tmp_path: Path) -> None:
    recipe = make_recipe(["1234567890" * 30], (0, 1), None, count=4, seed=1, source="builtin")
    report = inspect_dataset(recipe, predictions=["1234567890" * 29] * 4)
    _, data = _page(report, tmp_path / "p.html")
    for chart in data["charts"]:
        assert 0 < len(chart["bars"]) <= 41
        for item in data["items"]:
            assert set(item["in"].get(chart["key"], [])) <= set(range(len(chart["bars"])))


def _compared(first: Report, second: Report, path: Path) -> dict[str, Any]:
    text = write_comparison_page(first, second, path, force=True).read_text()
    (data,) = (texts for tag, attrs, texts in _Elements(text).found if attrs.get("id") == "data")
    loaded: dict[str, Any] = json.loads("".join(data))
    return loaded


def test_two_datasets_share_the_bars_of_a_chart(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"length": 3, "count": 40, "seed": 1, "source": "builtin", "image_width": None}
    wide = inspect_dataset(make_recipe(spacing_range=(0, 80), **settings))
    tight = inspect_dataset(make_recipe(spacing_range=(0, 6), augment={"contrast": 0.3}, **settings))
    charts = {chart["key"]: chart for chart in _compared(wide, tight, tmp_path / "p.html")["charts"]}
    for key in ("data-spacing", "data-ink"):
        firsts = [float(re.split("[%–]", bar["name"])[0]) for bar in charts[key]["bars"]]
        assert firsts == sorted(firsts)
        steps = {round(b - a, 6) for a, b in pairwise(firsts)}
        assert len(steps) == 1
        for series in (0, 1):
            assert sum(bar["values"][series] for bar in charts[key]["bars"]) == pytest.approx(1, abs=1e-3)


def test_two_models_are_compared_on_the_images_that_both_have_read(written: Path, tmp_path: Path) -> None:
    report = inspect_dataset(written)
    labels = report.table.labels
    first = score_predictions(report, {i: labels[i][::-1] for i in range(100)}, partial=True)
    second = score_predictions(report, {i: labels[i][1:] for i in range(50, 180)}, partial=True)
    data = _compared(first, second, tmp_path / "p.html")
    assert len(data["items"]) == 50
    (lengths,) = (chart for chart in data["charts"] if chart["key"] == "error-length")
    counts = [
        [int(bar["tips"][series].split(" of ")[1].split()[0]) for bar in lengths["bars"]] for series in (0, 1)
    ]
    assert list(map(sum, counts)) == [50, 50]
    assert data["names"] == ["predictions (first)", "predictions (second)"]
    assert len({name for name, _ in data["views"]}) == 4
    assert sum(n for _, n in data["views"]) == 50

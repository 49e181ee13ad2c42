"""A dataset that is right has no faults; each fault that is planted is found and named."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from digitseq import (
    Recipe,
    compare_reports,
    inspect_dataset,
    make_recipe,
    read_dataset,
    verify_dataset,
    write_dataset,
    write_page,
)
from digitseq.errors import ArgumentError, FormatError
from digitseq.inspection.findings import Finding, faults_of_images
from digitseq.inspection.measure_gaps import Seen
from digitseq.inspection.report import Report
from digitseq.png import decode_png, encode_png

from .conftest import edit_facts, edit_line


def _found(report: Report, kind: str) -> Finding:
    (finding,) = [finding for finding in report.findings if finding.kind == kind]
    return finding


@pytest.mark.parametrize(
    "settings",
    [
        {"length": (3, 6), "image_width": 200},
        {"length": (3, 6), "image_width": None, "invert": True, "align": "left"},
        {"pattern": "0##9", "image_width": 150, "spacing_from": "tile", "spacing_range": (-2, 2)},
        {"length": (2, 4), "image_width": 150, "spacing_from": "contour", "spacing_range": (-2, 4)},
        {"length": (4, 4), "image_width": 200, "augment": "heavy", "unique": True},
        {"sequences": ("7", "0042"), "count": 90, "image_width": 120, "writer": "same"},
        {"length": (3, 4), "image_width": None, "augment": {"negative": 0.5, "blur": 1}},
    ],
)
def test_what_was_written_has_no_faults_and_looks_as_if_it_had_not_been(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    usual: dict[str, Any] = {"count": 120, "seed": 3, "source": "builtin", "spacing_range": (0, 5)}
    recipe = make_recipe(**usual | settings)
    write_dataset(recipe, tmp_path / "out", workers=1)
    written, drawn = inspect_dataset(tmp_path / "out"), inspect_dataset(recipe)
    assert written.faults == 0, written.findings
    same = written.to_dict() | {"name": "", "kind": "", "findings": []}
    assert same == drawn.to_dict() | {"name": "", "kind": "", "findings": []}
    json.dumps(written.to_dict(), allow_nan=False)


def test_the_numbers_are_those_of_the_dataset(written: Path) -> None:
    report, dataset = inspect_dataset(written), read_dataset(written)
    labels = [label for part in dataset.splits.values() for label in part.labels]
    images = [part[i][0] for part in dataset.splits.values() for i in range(len(part))]
    assert report.images == report.inspected == 180
    assert report.splits == {"train": 120, "validation": 30, "test": 30}
    assert report.digits == tuple("".join(labels).count(d) for d in "0123456789")
    assert report.lengths == {n: sum(len(label) == n for label in labels) for n in (3, 4, 5)}
    assert report.labels == len(set(labels))
    means = [image.mean() / 255 for image in images]
    assert report.ink.mean == pytest.approx(np.mean(means))
    assert (report.ink.least, report.ink.greatest) == pytest.approx((min(means), max(means)))
    columns = [np.flatnonzero(image.any(0)) for image in images]
    use = [(c[-1] - c[0] + 1) / 150 for c in columns]
    assert report.width_use is not None
    assert report.width_use.mean == pytest.approx(np.mean(use))
    heat = report.table.heat * 255
    assert np.allclose(heat, np.mean(images, axis=0))
    lines = (written / "test/metadata.jsonl").read_text().splitlines()
    assert report.table.glyph[report.table.split[report.table.image] == 2].tolist() == [
        glyph for line in lines for glyph in json.loads(line)["glyphs"]
    ]
    assert report.shared_glyphs == 0
    sets = [set(part.labels) for part in dataset.splits.values()]
    shared = sum(sum(label in some for some in sets) > 1 for label in set(labels))
    assert report.shared_labels == shared > 0
    assert sum(report.spacing.counts.values()) == report.spacing.measured == sum(map(len, labels)) - 180


def test_a_planted_duplicate_is_named(copy: Path) -> None:
    shutil.copy(copy / "train/images/000/000007.png", copy / "train/images/000/000031.png")
    finding = _found(inspect_dataset(copy), "duplicate")
    assert finding.fault
    assert finding.count == 1
    labels = inspect_dataset(copy).table.labels
    expected = " = ".join(f"train/images/000/{n:06d}.png (label {labels[n]})" for n in (7, 31))
    assert finding.examples[0] == expected


def test_a_planted_leak_of_a_glyph_is_named(copy: Path) -> None:
    train = json.loads((copy / "train/metadata.jsonl").read_text().splitlines()[4])
    edit_facts(
        copy / "test/metadata.jsonl", 9, lambda facts: facts["glyphs"].__setitem__(1, train["glyphs"][0])
    )
    report = inspect_dataset(copy)
    finding = _found(report, "leak")
    assert finding.examples == (
        f"glyph {train['glyphs'][0]}: train/images/000/000004.png, test/images/000/000009.png",
    )
    assert report.shared_glyphs == 1


def test_a_planted_leak_of_an_image_is_named(copy: Path) -> None:
    shutil.copy(copy / "train/images/000/000007.png", copy / "test/images/000/000003.png")
    finding = _found(inspect_dataset(copy), "leak")
    assert re.match(
        r"train/images/000/000007\.png \(label \d+\) = test/images/000/000003\.png", finding.examples[0]
    )


def test_a_wrong_label_is_named_wherever_it_stands(copy: Path) -> None:
    right = json.loads((copy / "test/metadata.jsonl").read_text().splitlines()[5])["label"]
    wrong = right[::-1] + "0"
    edit_line(copy / "test/labels.csv", 6, lambda line: line.replace(f",{right}", f",{wrong}"))
    finding = _found(inspect_dataset(copy), "label")
    assert finding.count == 1
    assert finding.examples[0] == (
        f"test/images/000/000005.png: labels.csv has label {wrong}, metadata.jsonl has label {right}"
    )

    def relabel(facts: dict[str, Any]) -> None:
        facts["label"] = wrong[: len(right)]
        facts["objects"]["categories"] = list(map(int, wrong[: len(right)]))

    edit_facts(copy / "train/metadata.jsonl", 2, relabel)
    other = json.loads((copy / "train/metadata.jsonl").read_text().splitlines()[2])["label"]
    edit_line(copy / "train/labels.csv", 3, lambda line: line.split(",")[0] + f",{other}\n")
    report = inspect_dataset(copy)
    told = [text for text in _found(report, "label").examples if "train/images/000/000002.png" in text]
    assert any(f"label is {other}, expected" in text for text in told)


def test_an_unbalanced_digit_is_named(tmp_path: Path) -> None:
    recipe = make_recipe(pattern="7###", image_width=None, count=200, seed=1, source="builtin")
    finding = _found(inspect_dataset(recipe), "balance")
    assert not finding.fault  # it may be meant
    (example,) = finding.examples
    assert example.startswith("digit 7: ")
    even = make_recipe(length=(4, 4), image_width=None, count=2_000, seed=1, source="builtin")
    assert not inspect_dataset(even).findings


def test_an_image_that_shows_something_else_is_named(copy: Path) -> None:
    first, second = (copy / f"train/images/000/00000{n}.png" for n in (4, 5))
    data = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(data)
    finding = _found(inspect_dataset(copy), "boxes")
    assert finding.count == 2
    assert {text.split(":")[0] for text in finding.examples} == {
        "train/images/000/000004.png", "train/images/000/000005.png",
    }  # fmt: skip


def test_a_shifted_digit_is_found_in_the_pixels(copy: Path) -> None:
    """The boxes are moved along, so that nothing but the recipe can tell."""
    path = copy / "test/images/000/000001.png"
    image, label = read_dataset(copy).splits["test"][1]
    facts = json.loads((copy / "test/metadata.jsonl").read_text().splitlines()[1])
    boxes = facts["objects"]["bbox"]
    moved = np.zeros_like(image)
    x = boxes[1][0]
    moved[:, :x] = image[:, :x]
    moved[:, x + 12 :] = image[:, x : image.shape[1] - 12]
    path.write_bytes(encode_png(moved))
    for box in boxes[1:]:
        box[0] += 12
    edit_facts(copy / "test/metadata.jsonl", 1, lambda facts: facts["objects"].update(bbox=boxes))
    report = inspect_dataset(copy)
    finding = _found(report, "spacing")
    assert finding.count == report.spacing.outside == report.spacing.different == 1
    assert finding.examples[0].startswith("test/images/000/000001.png: ")
    assert len(label) > 1


def test_missing_damaged_and_blank_images_are_named(copy: Path) -> None:
    folder = copy / "train/images/000"
    (folder / "000001.png").unlink()
    (folder / "000002.png").write_bytes((folder / "000002.png").read_bytes()[:-9])
    (folder / "000003.png").write_bytes(encode_png(np.zeros((28, 150), np.uint8)))
    report = inspect_dataset(copy)
    assert _found(report, "file").examples == (
        "train/images/000/000001.png: missing",
        "train/images/000/000002.png: damaged or cut off",
    )
    assert _found(report, "ink").examples == ("train/images/000/000003.png: the image is blank",)
    assert len(list(verify_dataset(copy))) >= 3


@pytest.mark.parametrize(("form", "damaged"), [("npz", "train-000001.npz"), ("folder", "images/001")])
def test_images_that_cannot_be_read_are_in_no_statistics(tmp_path: Path, form: str, damaged: str) -> None:
    recipe = make_recipe(length=2, count=1_030, seed=1, source="builtin")
    write_dataset(recipe, tmp_path, format=form, workers=1)
    path = tmp_path / damaged
    missing = len(list(path.iterdir())) if path.is_dir() else 30
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    report = inspect_dataset(tmp_path)
    (finding,) = [finding for finding in report.findings if finding.fault]
    assert (finding.kind, finding.count) == ("file", missing)
    assert report.lengths == {2: 1_030 - missing}
    assert sum(report.digits) == 2 * (1_030 - missing)
    assert 1 < report.labels <= 100
    assert "" not in report.common_labels
    assert report.spacing.unseen == 0
    assert report.spacing.measured == 1_030 - missing


def test_effects_are_compared_one_by_one() -> None:
    heavy, paper = (
        inspect_dataset(make_recipe(length=2, count=9, seed=1, source="builtin", augment=name))
        for name in ("heavy", "paper")
    )
    settings = {line.what: (line.a, line.b) for line in compare_reports(heavy, paper).settings}
    assert settings["augment noise"] == ("[0.0, 25.0]", "[0.0, 3.0]")
    assert settings["augment specks"] == ("[0.0, 0.02]", None)
    assert "augment blur" not in settings
    assert {name.partition(" ")[0] for name in settings} == {"augment"}


def test_a_sample_says_nothing_about_what_two_datasets_share(written: Path) -> None:
    whole, some = inspect_dataset(written), inspect_dataset(written, limit=10)
    shared = {"labels in both", "images in both", "glyphs in both"}
    assert shared <= {line.what for line in compare_reports(whole, whole).lines}
    lines = {line.what: line for line in compare_reports(whole, some).lines}
    assert not shared & set(lines)
    assert (lines["images inspected"].a, lines["images inspected"].b) == (whole.images, 10)


def test_lines_that_are_missing_double_or_spoilt_are_named(copy: Path) -> None:
    path = copy / "test/metadata.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:3], lines[3], lines[3], *lines[5:-1], "{\n"]))
    report = inspect_dataset(copy)
    sentences = {finding.sentence: finding for finding in report.findings if finding.kind == "missing"}
    assert sentences["images without a metadata row"].examples == ("test/images/000/000004.png",)
    assert sentences["images with more than one metadata row"].examples == ("test/images/000/000003.png",)
    assert any("line 30: not valid digitseq metadata" in text for text in _found(report, "metadata").examples)
    edit_line(
        copy / "train/metadata.jsonl",
        0,
        lambda line: line.replace("label", "l\udcffbel", 1).encode("utf-8", "replace").decode(),
    )
    assert any("line 1" in text for text in _found(inspect_dataset(copy), "metadata").examples)


def test_labels_that_repeat_against_the_recipe_are_named(copy: Path) -> None:
    manifest = json.loads((copy / "dataset.json").read_text())
    recipe = Recipe.from_dict(manifest["recipe"])
    report = inspect_dataset(copy)
    assert report.common_labels
    assert not [finding for finding in report.findings if finding.kind == "repeated label"]
    manifest["recipe"] = recipe.changed(unique=True).to_dict()
    (copy / "dataset.json").write_text(json.dumps(manifest))
    finding = _found(inspect_dataset(copy), "repeated label")
    label, times = next(iter(report.common_labels.items()))
    (example,) = [text for text in finding.examples if text.startswith(f"{label}: ")]
    assert example.count(".png") == min(times, 5)


def test_without_its_manifest_a_dataset_is_still_looked_at(copy: Path) -> None:
    (copy / "dataset.json").unlink()
    report = inspect_dataset(copy)
    assert report.recipe is None
    assert report.inspected == 180
    assert report.spacing.promised_px is None
    assert (min(report.spacing.counts), max(report.spacing.counts)) == (2, 8)
    assert _found(report, "manifest").count == 1


def test_a_split_can_be_looked_at_alone(copy: Path) -> None:
    for report in (inspect_dataset(copy, split="test"), inspect_dataset(copy / "test")):
        assert report.splits == {"test": 30}
        assert report.faults == 0
        assert report.recipe is not None
    with pytest.raises(ArgumentError, match="expected one of train, validation, test, got 'all'"):
        inspect_dataset(copy, split="all")


def test_a_limit_looks_at_images_spread_evenly(written: Path) -> None:
    report = inspect_dataset(written, limit=60)
    assert (report.images, report.inspected) == (180, 60)
    assert report.splits == {"train": 40, "validation": 10, "test": 10}
    assert report.table.number[report.table.split == 0].tolist() == list(range(0, 120, 3))
    assert report.faults == 0
    for bad in (0, True, "9"):
        with pytest.raises(ArgumentError, match="limit: expected an integer ≥ 1"):
            inspect_dataset(written, limit=bad)  # type: ignore[arg-type]


def test_a_recipe_that_was_never_written_is_looked_at_as_a_sample(tmp_path: Path) -> None:
    recipe = make_recipe(
        length=(3, 3), count=10**12, image_width=90, spacing_range=(0, 2), seed=1, source="builtin"
    )
    report = inspect_dataset(recipe, limit=50)
    assert (report.kind, report.images, report.inspected) == ("recipe", 10**12, 50)
    assert report.table.number.tolist() == [i * 10**12 // 50 for i in range(50)]
    for data in (recipe.to_dict(), {"recipe": recipe.to_dict(), "more": 1}):
        (tmp_path / "recipe.json").write_text(json.dumps(data))
        assert inspect_dataset(tmp_path / "recipe.json", limit=50).digits == report.digits


def test_a_manifest_stands_for_its_dataset_or_alone_for_its_recipe(copy: Path, tmp_path: Path) -> None:
    assert inspect_dataset(copy / "dataset.json").kind == "dataset"
    alone = tmp_path / "dataset.json"
    shutil.copy(copy / "dataset.json", alone)
    assert inspect_dataset(alone).kind == "recipe"


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("nothing", None, "no such file or folder"),
        ("empty.png", b"", "expected an image, a recipe"),
        ("text.txt", b"hello", "expected an image, a recipe"),
        ("bad.json", b"{", "not JSON"),
        ("bad.json", b"[1, 2]", "expected an object with named fields"),
        ("bad.json", b"{}", "expected format 1"),
        ("dataset.json", b"{}", "not a digitseq manifest"),
        ("cut.png", encode_png(np.ones((28, 90), np.uint8))[:60], "the image is damaged"),
    ],
)
def test_what_cannot_be_looked_at_is_said(
    name: str, content: bytes | None, sentence: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises((FormatError, ArgumentError), match=sentence):
        inspect_dataset(tmp_path / name)


def test_an_empty_folder_and_an_unfinished_dataset_are_told(tmp_path: Path, copy: Path) -> None:
    with pytest.raises(FormatError, match="not a digitseq dataset"):
        inspect_dataset(tmp_path)
    (copy / "dataset.json").rename(copy / ".digitseq-unfinished.json")
    with pytest.raises(FormatError, match="is not finished"):
        inspect_dataset(copy)


def test_lines_that_are_cut_off_are_missing_and_nothing_else_is_wrong(copy: Path) -> None:
    path = copy / "test/metadata.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-5]))
    labels = copy / "test/labels.csv"
    labels.write_bytes(b"".join(labels.read_bytes().splitlines(keepends=True)[:-5]))
    report = inspect_dataset(copy)
    (finding,) = report.findings
    assert (finding.kind, finding.count) == ("missing", 5)
    assert finding.examples[0] == "test/images/000/000025.png"


def test_one_lost_line_is_one_fault(copy: Path) -> None:
    path = copy / "train/metadata.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:6] + lines[7:]))
    report = inspect_dataset(copy)
    assert [(f.kind, f.count, f.examples[0]) for f in report.findings] == [
        (
            "label",
            1,
            "train/labels.csv: 1 row for images that are not in metadata.jsonl: images/000/000006.png",
        ),
        ("missing", 1, "train/images/000/000006.png"),
    ]
    path.write_text("".join(lines))
    edit_line(copy / "test/labels.csv", 3, lambda line: "")
    (finding,) = inspect_dataset(copy).findings
    assert finding.examples[0].startswith("test/images/000/000002.png: labels.csv has no row for it")


def test_lost_files_of_labels_are_told_once(copy: Path) -> None:
    (copy / "train/labels.csv").unlink()
    (finding,) = inspect_dataset(copy).findings
    assert finding.examples == ("train/labels.csv: missing",)
    shutil.rmtree(copy / "validation")
    findings = {finding.kind: finding for finding in inspect_dataset(copy).findings}
    assert findings["split"].examples == (
        "validation/metadata.jsonl: missing, so its 30 images cannot be inspected",
    )


def test_pixels_that_another_program_saved_anew_are_the_same_pixels(copy: Path) -> None:
    for path in (copy / "test").rglob("*.png"):
        with Image.open(path) as picture:
            picture.load()
        picture.save(path, optimize=True)
    assert inspect_dataset(copy).findings == ()
    picture.convert("RGB").save(path)
    (finding,) = inspect_dataset(copy).findings
    assert finding.examples[0].endswith("expected 8-bit greyscale, found mode RGB")


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"label": "1a2"}, "label", "expected a label of digits, found '1a2'"),
        ({"label": None}, "label", "expected a label of digits, found None"),
        ({"label": "\x1b[31m"}, "label", r"expected a label of digits, found '\x1b[31m'"),
        ({"objects": {"bbox": [["1", 2, 3, 4]] * 9, "categories": []}}, "boxes", "do not match label"),
        ({"objects": {"bbox": None, "categories": []}}, "boxes", "do not match label"),
        ({"box": [-7, 2, 3, 4]}, "boxes", "do not match label"),
        ({"box": [1.5, 2, 3, 4]}, "boxes", "do not match label"),
        ({"box": [10**30, 2, 3, 4]}, "boxes", "do not match label"),
        ({"box": [140, 2, 30, 4]}, "boxes", "the ink does not match the boxes"),
        ({"glyphs": 5}, "metadata", "expected one glyph per digit, found 5"),
        ({"glyphs": ["x"]}, "metadata", "expected one glyph per digit, found ['x']"),
        ({"glyphs": [1]}, "metadata", "expected one glyph per digit"),
        ({"glyphs": [-1] * 5}, "metadata", "expected one glyph per digit"),
        ({"file_name": "x.png"}, "metadata", "expected images/000/000002.png, found x.png"),
        ({"objects": 7}, "metadata", "not valid digitseq metadata"),
    ],
)
def test_spoilt_facts_are_told_and_stop_nothing(
    change: dict[str, Any], kind: str, words: str, copy: Path
) -> None:
    def spoil(facts: dict[str, Any]) -> None:
        box = change.get("box")
        if box is not None:
            facts["objects"]["bbox"][0] = box
        facts.update({name: value for name, value in change.items() if name != "box"})

    edit_facts(copy / "test/metadata.jsonl", 2, spoil)
    report = inspect_dataset(copy)
    assert any(words in text for text in _found(report, kind).examples), report.findings
    json.dumps(report.to_dict(), allow_nan=False)
    write_page(report, copy.parent / "p.html", force=True)


def test_a_line_of_endless_brackets_is_only_a_spoilt_line(copy: Path) -> None:
    edit_line(copy / "test/metadata.jsonl", 2, lambda line: "[" * 200_000 + "\n")
    assert _found(inspect_dataset(copy), "metadata").count == 1
    (copy.parent / "recipe.json").write_text("[" * 200_000)
    with pytest.raises(FormatError, match="not JSON"):
        inspect_dataset(copy.parent / "recipe.json")


def test_an_image_of_another_width_is_named(copy: Path) -> None:
    path = copy / "test/images/000/000004.png"
    image, _ = read_dataset(copy).splits["test"][4]
    path.write_bytes(encode_png(np.pad(image, ((0, 0), (0, 77)))))
    assert any("000004.png" in text for text in _found(inspect_dataset(copy), "boxes").examples)


def _move(copy: Path, split: str, number: int, first: int, px: int) -> None:
    """Move the digits of an image from one on, and their boxes with them."""
    path = copy / f"{split}/images/000/{number:06d}.png" if split else copy / f"images/000/{number:06d}.png"
    metadata = path.parents[2] / "metadata.jsonl"
    image = decode_png(path.read_bytes(), 1_000)
    assert image is not None
    boxes = json.loads(metadata.read_text().splitlines()[number])["objects"]["bbox"]
    moved = np.zeros_like(image)
    for place, (x, _, w, _) in enumerate(boxes):
        to = x + px if place >= first else x
        moved[:, to : to + w] = np.maximum(moved[:, to : to + w], image[:, x : x + w])
    for box in boxes[first:]:
        box[0] += px
    path.write_bytes(encode_png(moved))
    edit_facts(metadata, number, lambda facts: facts["objects"].update(bbox=boxes))


@pytest.mark.parametrize("spacing_from", ["ink", "tile", "contour"])
@pytest.mark.parametrize("px", [4, -10])
def test_a_moved_digit_is_found_however_spacing_is_measured(
    spacing_from: str, px: int, tmp_path: Path
) -> None:
    recipe = make_recipe(
        ["1234"], (1, 6), 160, seed=3, source="builtin", count=30, spacing_from=spacing_from, align="center"
    )
    write_dataset(recipe, tmp_path / "out", workers=1)
    assert inspect_dataset(tmp_path / "out").faults == 0
    _move(tmp_path / "out", "", 7, 2, px)
    report = inspect_dataset(tmp_path / "out")
    finding = _found(report, "spacing")
    assert finding.count == report.spacing.different == 1
    assert finding.examples[0].startswith("images/000/000007.png: ")


def test_contours_are_sampled_from_all_splits_and_boxes_are_checked_everywhere(tmp_path: Path) -> None:
    recipe = make_recipe(
        length=(3, 3), spacing_range=(-2, 2), image_width=110, seed=3, source="builtin",
        spacing_from="contour", splits={"train": 2_100, "test": 100},
    )  # fmt: skip
    write_dataset(recipe, tmp_path / "out", workers=1)
    report = inspect_dataset(tmp_path / "out")
    assert report.faults == 0
    looked = report.table.seen != Seen.SKIPPED
    between = report.table.is_drawn
    assert report.spacing.skipped == (between & ~looked).sum() == 2 * 200
    shares = [looked[between & (report.table.split[report.table.image] == part)].mean() for part in (0, 1)]
    assert shares == pytest.approx([2000 / 2200] * 2, abs=0.02)
    first, second = (tmp_path / f"out/test/images/000/00000{n}.png" for n in (4, 5))
    data = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(data)
    assert _found(inspect_dataset(tmp_path / "out"), "boxes").count == 2


def test_images_drawn_alike_by_chance_are_no_fault() -> None:
    recipe = make_recipe(
        length=(1, 1), image_width=28, spacing_range=(0, 0), count=2_000, seed=1, source="builtin"
    )
    report = inspect_dataset(recipe)
    assert report.faults == 0
    assert report.twins > 10
    assert _found(report, "duplicate").sentence == "groups of images that are identical by chance"


@pytest.mark.parametrize("augment", [{"noise": (1, 5)}, {"occlude": (1, 2)}, "heavy", {"background": 60}])
def test_without_a_manifest_rough_paper_is_not_taken_for_ink(augment: Any, tmp_path: Path) -> None:
    recipe = make_recipe(length=(3, 4), image_width=150, count=200, seed=1, source="builtin", augment=augment)
    write_dataset(recipe, tmp_path / "out", workers=1)
    (tmp_path / "out/dataset.json").unlink()
    report = inspect_dataset(tmp_path / "out")
    assert {finding.kind for finding in report.findings if finding.fault} == {"manifest"}
    assert all(2 <= px <= 8 for px in report.spacing.counts)


def test_a_limit_is_kept_over_all_splits(tmp_path: Path) -> None:
    splits = {"train": 100, "validation": 100, "test": 100}
    recipe = make_recipe(length=(2, 2), image_width=60, seed=1, source="builtin", splits=splits)
    for limit in (1, 2, 3, 7, 299, 300, 999):
        assert inspect_dataset(recipe, limit=limit).inspected == min(limit, 300)


def test_glyphs_of_another_split_are_named_though_they_occur_once(copy: Path) -> None:
    report = inspect_dataset(copy)
    used = set(report.table.glyph.tolist())
    line = (copy / "train/metadata.jsonl").read_text().splitlines()[3]
    digit = int(json.loads(line)["label"][0])
    unused = next(glyph for glyph in range(6_000 * digit + 5_500, 6_000 * (digit + 1)) if glyph not in used)
    edit_facts(copy / "train/metadata.jsonl", 3, lambda facts: facts["glyphs"].__setitem__(0, unused))
    finding = _found(inspect_dataset(copy), "glyph")
    assert finding.examples == (f"train/images/000/000003.png: glyph {unused} at position 1 (digit {digit})",)


def test_an_unbalanced_split_is_named(copy: Path) -> None:
    for number in range(30):

        def sevens(facts: dict[str, Any]) -> None:
            facts["label"] = "7" * len(facts["label"])
            facts["objects"]["categories"] = [7] * len(facts["label"])

        edit_facts(copy / "test/metadata.jsonl", number, sevens)
    examples = _found(inspect_dataset(copy), "balance").examples
    assert any(text.startswith("test: digit 7: ") for text in examples)
    assert not any(text.startswith("train: ") for text in examples)


def test_an_image_of_a_dataset_knows_its_label(copy: Path) -> None:
    path = copy / "test/images/000/000004.png"
    report = inspect_dataset(path)
    assert (report.kind, report.images, report.faults) == ("image", 1, 0)
    assert report.table.labels == [read_dataset(copy).splits["test"].labels[4]]
    assert report.spacing.measured == len(report.table.labels[0]) - 1


def test_very_great_spacings_are_spacings() -> None:
    recipe = make_recipe(["12"], (40_000, 40_001), 90_000, count=4, seed=1, source="builtin")
    report = inspect_dataset(recipe, predictions=["12", "12", "13", "12"])
    assert set(report.spacing.counts) <= {40_000, 40_001}
    assert report.scores is not None
    assert sum(rate.of for rate in report.scores.by_spacing) == 8


@pytest.mark.parametrize(
    "settings",
    [
        {"sequences": ("8181",), "spacing_range": (-8, 3)},
        {"length": (5, 5), "spacing_range": (-8, 4)},
        {"pattern": "#1#1#", "spacing_range": (-24, 0), "spacing_from": "tile"},
        {
            "length": (5, 5),
            "spacing_range": (-20, -4),
            "spacing_from": "tile",
            "augment": {"scale": (0.5, 1)},
        },
        {"pattern": "#1#1#", "spacing_range": (-10, 4), "augment": {"scale": (0.5, 1)}},
        {"length": (5, 5), "spacing_range": (-8, 8), "spacing_from": "contour"},
        {"pattern": "#1#1#", "spacing_range": (-4, 4), "spacing_from": "contour"},
    ],
)
@pytest.mark.parametrize("source", ["mnist", "builtin"])
def test_a_third_digit_between_two_is_no_fault(
    settings: dict[str, Any], source: str, with_mnist: Path
) -> None:
    usual: dict[str, Any] = {"count": 600, "image_width": None, "seed": 6, "source": source}
    report = inspect_dataset(make_recipe(**usual | settings))
    assert report.faults == 0, report.findings


def test_a_box_that_is_wrong_inside_its_line_is_found(copy: Path) -> None:
    path = copy / "test/metadata.jsonl"
    facts = json.loads(path.read_text().splitlines()[4])
    boxes = facts["objects"]["bbox"]
    boxes[1][3] -= 1
    edit_facts(path, 4, lambda facts: facts["objects"].update(bbox=boxes))
    assert _found(inspect_dataset(copy), "boxes").examples[0].startswith("test/images/000/000004.png: ")


def test_a_digit_that_was_erased_inside_its_box_is_found(copy: Path) -> None:
    path = copy / "test/images/000/000004.png"
    image, _ = read_dataset(copy).splits["test"][4]
    x, y, w, h = json.loads((copy / "test/metadata.jsonl").read_text().splitlines()[4])["objects"]["bbox"][1]
    image = image.copy()
    image[:, x : x + w] = 0
    image[y + h // 2, x : x + w] = 1
    path.write_bytes(encode_png(image))
    assert _found(inspect_dataset(copy), "boxes").count == 1


def test_an_image_is_found_by_its_name_though_a_line_was_lost(copy: Path) -> None:
    label = read_dataset(copy).splits["test"].labels[10]
    edit_line(copy / "test/metadata.jsonl", 5, lambda line: "")
    assert inspect_dataset(copy / "test/images/000/000010.png").table.labels == [label]
    assert inspect_dataset(copy / "test/images/000/000005.png").table.labels == [""]  # no line tells of it


def test_a_split_is_found_through_dots_and_links(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (copy.parent / "link").symlink_to(copy / "test")
    monkeypatch.chdir(copy / "test/images")
    for path in ("..", copy.parent / "link"):
        report = inspect_dataset(path)
        assert (report.splits, report.findings) == ({"test": 30}, ())


def test_images_with_any_fault_are_on_the_page_and_chance_is_none(tmp_path: Path) -> None:
    recipe = make_recipe(["1234"], (1, 6), 160, seed=3, source="builtin", count=300)
    write_dataset(recipe, tmp_path / "out", workers=1)
    for number in (7, 70, 170):
        _move(tmp_path / "out", "", number, 2, 4)
    report = inspect_dataset(tmp_path / "out")
    assert set(faults_of_images(report.table)) == {7, 70, 170}
    recipe = make_recipe(
        length=(1, 1), image_width=28, spacing_range=(0, 0), count=2_000, seed=1, source="builtin"
    )
    assert faults_of_images(inspect_dataset(recipe).table) == {}


@pytest.mark.parametrize("spacing_from", ["ink", "contour"])
def test_a_gap_within_the_promise_that_is_not_the_drawn_one_is_found(
    spacing_from: str, tmp_path: Path
) -> None:
    recipe = make_recipe(["1234"], (1, 6), 160, seed=3, source="builtin", count=60, spacing_from=spacing_from)
    write_dataset(recipe, tmp_path / "out", workers=1)
    gaps = inspect_dataset(tmp_path / "out").table.drawn_px.reshape(-1, 4)[:, 1]
    number = int(np.flatnonzero(gaps == 3)[0])
    _move(tmp_path / "out", "", number, 2, 2)
    report = inspect_dataset(tmp_path / "out")
    assert (report.spacing.different, report.spacing.outside) == (1, 0)
    assert _found(report, "spacing").examples == (
        f"images/000/{number:06d}.png: 5 px (expected 3 px) after digit 2",
    )

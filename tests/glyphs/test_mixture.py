"""Several sources in one set of glyphs, by weight."""

import json
import pickle
import re
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from digitseq import (
    DigitSequences,
    draw,
    generate_numbers_sequence,
    inspect_dataset,
    load_glyphs,
    make_recipe,
    read_dataset,
    verify_dataset,
    write_dataset,
)
from digitseq.dataset.formats.stored_image import value_difference
from digitseq.errors import (
    ArgumentError,
    DigitSeqWarning,
    FormatError,
    OutputError,
    SourceError,
    SourceWarning,
)
from digitseq.glyphs import sources
from digitseq.glyphs.glyph_cache import damage, open_glyphs, save_glyphs
from digitseq.glyphs.glyphset import GlyphSet
from digitseq.glyphs.handwriting.builtin import builtin
from digitseq.glyphs.mixture import Weighted, mix, parse_mixture, stored_mixture
from tests.cli.test_generate import run

_SPLITS = ("train", "validation", "test")


def _set(value: int, kinds: list[tuple[int, int]], splits: tuple[str, ...] = _SPLITS) -> GlyphSet:
    """Return glyphs of these (digit, split) pairs, whose pixels encode their source and position."""
    labels, split_of = np.array(kinds).T
    images = np.zeros((len(kinds), 28, 28), np.uint8)
    images[:, 0, 0], images[:, 0, 1] = value, np.arange(len(kinds)) + 1
    name = f"source{value}"
    return GlyphSet.from_arrays(
        images, labels, split_of=split_of, splits=splits, name=name, writers=np.arange(len(kinds)) // 10
    )


_KINDS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2)), min_size=1, max_size=30)


@given(st.lists(_KINDS, min_size=2, max_size=4), st.sampled_from([*_SPLITS, "all"]), st.integers(0, 1 << 32))
def test_a_pick_is_a_glyph_of_the_digit_and_the_split_and_says_where_it_is_from(
    kinds: list[list[tuple[int, int]]], split: str, seed: int
) -> None:
    parts = [_set(number + 1, own) for number, own in enumerate(kinds)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SourceWarning)  # of a source without this split
        mixed = mix(parts, [1] * len(parts)).choose(split)
    assert damage(mixed) == ""
    chance = np.random.default_rng(seed)
    have = np.flatnonzero(mixed.counts).astype(np.int64)
    if not len(have):
        return
    digits = chance.choice(have, 400)
    rows = mixed.pick(digits, chance.integers(0, 1 << 64, 400, np.uint64))
    assert (mixed.labels[rows] == digits).all()
    pixels = mixed.images[rows, 0]
    for row, digit, (source, position) in zip(rows, digits, pixels[:, :2].tolist(), strict=True):
        assert row in mixed.rows(int(digit))
        found, number = kinds[source - 1][position - 1]
        assert found == digit
        assert split in ("all", _SPLITS[number])
        origin = mixed.origin[row : row + 1]
        assert mixed.sources_of(origin) == [f"source{source}"]
        assert origin[0] - mixed.parts[source - 1].first == position - 1


@pytest.mark.parametrize("split", ["train", "all"])
def test_sources_are_sampled_by_weight_and_their_glyphs_uniformly(split: str) -> None:
    # The second source has ten times as many glyphs, and none of the digit 1 in train.
    few = _set(1, [(0, 0), (0, 0), (1, 0), (0, 2)])
    many = _set(2, [(0, 0)] * 20 + [(1, 2)] * 5)
    mixed = mix([few, many], [3, 1]).choose(split)
    words = np.random.default_rng(1).integers(0, 1 << 64, 40_000, np.uint64)
    picked = mixed.images[mixed.pick(np.zeros(40_000, np.int64), words), 0, :2]
    assert abs((picked[:, 0] == 1).mean() - 0.75) < 0.01
    for source, glyphs in ((1, 2 if split == "train" else 3), (2, 20)):
        counts = Counter(picked[picked[:, 0] == source, 1].tolist())
        assert len(counts) == glyphs
        assert max(counts.values()) < 1.3 * min(counts.values())
    ones = mixed.images[mixed.pick(np.ones(40_000, np.int64), words), 0, 0]
    assert set(ones.tolist()) == ({1} if split == "train" else {1, 2})


def test_a_line_in_one_hand_uses_one_source_chosen_by_weight() -> None:
    every = [(digit, 0) for digit in range(10)] * 4
    mixed = mix([_set(1, every), _set(2, every)], [1, 3])
    recipe = make_recipe(length=3, count=2_000, seed=1, source="x", writer="same", pattern=None)
    found: Counter[str] = Counter()
    for picture in draw(recipe, mixed):
        (source,) = set(mixed.sources_of(picture.origins))
        found[source] += 1
    assert abs(found["source2"] / 2_000 - 0.75) < 0.04


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("mnist+builtin", (Weighted("mnist"), Weighted("builtin"))),
        ("mnist=2+builtin:3", (Weighted("mnist", 2), Weighted("builtin:3"))),
        ("builtin:-3=10+a/b.npz", (Weighted("builtin:-3", 10), Weighted("a/b.npz"))),
        ("builtin:copperplate:7=3+mnist", (Weighted("builtin:copperplate:7", 3), Weighted("mnist"))),
        ("mnist", ()),
        ("builtin:3", ()),
        ("here+there", ()),  # a file of this name
        ("mnist+x=3", (Weighted("mnist"), Weighted("x=3"))),  # another one
    ],
)
def test_sources_are_joined_by_plus_and_weights_follow_an_equals_sign(
    in_folder: Path, text: str, parts: tuple[Weighted, ...]
) -> None:
    Path("here+there").touch()
    Path("x=3").touch()
    assert parse_mixture(text) == parts


@pytest.mark.parametrize(
    "text",
    ["mnist+", "+builtin", "mnist=0+builtin", "mnist=1001+builtin", "a++b", "mnist=2.5+builtin", "mnist=+a"],
)
def test_a_missing_source_or_a_wrong_weight_is_an_error(text: str) -> None:
    with pytest.raises(ArgumentError, match=r"expected sources such as mnist=2\+builtin"):
        parse_mixture(text)


@pytest.fixture
def own(in_folder: Path, solid: GlyphSet) -> str:
    """Two files of glyphs in the current folder; return the name of their mixture."""
    for name in ("a.npz", "b.npz"):
        images = solid.images if name == "a.npz" else np.where(solid.images > 0, 255 - solid.images, 0)
        np.savez(name, images=images, labels=solid.labels)
    return "a.npz=2+b.npz"


def test_a_mixture_is_stored_once_and_opened_from_the_cache(own: str, cache: Path) -> None:
    first = load_glyphs(own, "all")
    assert (first.name, first.folder is not None) == ("a.npz=2+b.npz", True)
    for path in cache.rglob("glyphs.npy"):
        before = path.stat().st_mtime_ns
    sources._opened.clear()
    again = load_glyphs(own, "all")
    assert (again.digest, again.parts, path.stat().st_mtime_ns) == (first.digest, first.parts, before)
    assert damage(again) == ""
    assert load_glyphs("a.npz=3+b.npz", "all").digest != first.digest
    for manifest in cache.rglob("manifest.json"):
        stated = json.loads(manifest.read_text())
        stated["mixture"][0]["counts"][3][0] += 1
        manifest.write_text(json.dumps(stated))
    sources._opened.clear()
    assert load_glyphs(own, "all").digest == first.digest  # mixed anew


def test_datasets_of_several_sources_can_be_verified_and_list_their_sources(own: str) -> None:
    recipe = make_recipe(length=3, count=50, seed=1, source=own)
    write_dataset(recipe, "out", source=own, workers=1)
    stated = json.loads(Path("out/dataset.json").read_text())["source"]
    assert stated["parts"] == [{"name": "a.npz", "first": 0}, {"name": "b.npz", "first": 120}]
    for source in (None, own):
        sources._opened.clear()
        assert list(verify_dataset("out", source=source)) == []
    assert read_dataset("out").recipe.source == own
    manifest = Path("out/dataset.json")
    written = manifest.read_text()
    manifest.write_text(written.replace('"first": 120', '"first": 121'))
    told = "out/dataset.json: source.parts does not match the glyphs"
    assert next(verify_dataset("out")) == told
    manifest.write_text(written)
    with pytest.raises(OutputError, match="another recipe"):
        write_dataset(make_recipe(length=3, count=50, seed=1, source="a.npz+b.npz"), "out", workers=1)
    with pytest.raises(FormatError, match="was rendered from different glyphs") as caught:
        list(verify_dataset("out", source="b.npz+a.npz=2"))
    assert "in the order and with the weights of a.npz=2+b.npz" in caught.value.hint
    Path("b.npz").unlink()
    sources._opened.clear()
    with pytest.raises(SourceError, match=r"no source 'b\.npz' in the current folder") as gone:
        list(verify_dataset("out"))
    assert gone.value.hint == (
        "pass source=A+B, the path or name of each source, in the order and with the weights of a.npz=2+b.npz"
    )


def test_a_dataset_whose_glyphs_changed_cannot_grow_and_the_glyphs_are_named(own: str) -> None:
    recipe = make_recipe(length=3, count=5, seed=1, source=own)
    write_dataset(recipe, "out", source=own, workers=1)
    with np.load("a.npz") as file:
        images, labels = file["images"], file["labels"]
    np.savez("a.npz", images=images[1:], labels=labels[1:])
    sources._opened.clear()
    for count in (5, 9):
        with pytest.raises(OutputError, match="source: same name, different glyphs"):
            write_dataset(recipe.changed(count=count), "out", source=own, workers=1)
    np.savez("a.npz", images=images, labels=labels)
    sources._opened.clear()
    with pytest.raises(OutputError, match="count: expected 4, found 5"):
        write_dataset(recipe.changed(count=4), "out", source=own, workers=1)
    with pytest.raises(OutputError, match="another format"):
        write_dataset(recipe.changed(count=9), "out", source=own, format="npz", workers=1)
    assert write_dataset(recipe.changed(count=9), "out", source=own, workers=1).written == 4


def test_a_manifest_with_another_name_of_its_source_is_refused(own: str) -> None:
    recipe = make_recipe(length=1, seed=1, source="a.npz", count=3)
    write_dataset(recipe, "out", source="a.npz", workers=1)
    facts = json.loads(Path("out/dataset.json").read_text())
    facts["source"]["name"] = "c.npz"
    Path("out/dataset.json").write_text(json.dumps(facts))
    with pytest.raises(OutputError, match=r"source: expected 'a\.npz', found 'c\.npz'"):
        write_dataset(recipe, "out", source="a.npz", workers=1)


def test_growing_is_mentioned_only_if_nothing_but_the_splits_differs(own: str) -> None:
    recipe = make_recipe(length=1, seed=1, source="a.npz", splits={"train": 3})
    write_dataset(recipe, "out", source="a.npz", workers=1)
    more = recipe.changed(splits={"train": 4})
    with pytest.raises(
        OutputError, match=r"\(splits: expected \{'train': 4\}, found .*with splits cannot grow"
    ):
        write_dataset(more, "out", source="a.npz", workers=1)
    Path("b.npz").replace("a.npz")
    sources._opened.clear()
    for again in (recipe, more):
        with pytest.raises(OutputError, match=r"different glyphs\)$|different glyphs\) \(") as caught:
            write_dataset(again, "out", source="a.npz", workers=1)
        assert "grow" not in caught.value.problem


def test_a_renamed_source_has_the_same_glyphs_so_its_datasets_can_be_verified(own: str) -> None:
    write_dataset(make_recipe(length=3, count=50, seed=1, source=own), "out", source=own, workers=1)
    Path("a.npz").rename("renamed.npz")
    sources._opened.clear()
    assert list(verify_dataset("out", source="renamed.npz=2+b.npz")) == []


@pytest.mark.parametrize(
    ("form", "wrong"),
    [("webdataset", ""), *(("folder", wrong) for wrong in (None, 7, ["a.npz"], [1, 2, 3], {"a": 1}))],
)
def test_a_wrong_list_of_sources_is_found(own: str, form: str, wrong: Any) -> None:
    write_dataset(
        make_recipe(length=3, count=5, seed=1, source=own), "out", source=own, format=form, workers=1
    )
    (path,) = Path("out").glob("*.tar" if form == "webdataset" else "metadata.jsonl")
    data = path.read_bytes()
    right = re.search(rb'"sources": (\[[^]]*\])', data)
    assert right is not None
    assert json.loads(right[1]) != wrong
    if form == "folder":
        path.write_bytes(data.replace(right[1], json.dumps(wrong).encode(), 1))
    else:  # of the same size, so that the archive stays whole
        swapped = b"b" if right[1][2:3] == b"a" else b"a"
        path.write_bytes(data.replace(right[1], right[1].replace(right[1][2:3], swapped, 1), 1))
    assert "sources" in next(verify_dataset("out"))
    report = inspect_dataset("out")
    assert [finding.kind for finding in report.findings if finding.fault] == ["metadata"]


def test_a_difference_at_the_end_of_long_lists_is_shown() -> None:
    right = ["a name that is long enough"] * 5
    told = value_difference("sources", [*right[:4], "b"], right)
    assert told == 'sources[4]: expected "a name that is long enough", found "b"'
    assert value_difference("sources", right[:4], right).startswith("sources[4]: expected")
    assert value_difference("glyphs", [1, 3], [1, 2]) == "glyphs: expected [1, 2], found [1, 3]"


def test_a_source_without_the_split_is_a_warning() -> None:
    mixed = mix([_set(1, [(0, 0)], ("train",)), _set(2, [(0, 0), (0, 2)])], [1, 1])
    recipe = make_recipe(["0"], seed=1, split="test")
    for use in (draw, DigitSequences):
        with pytest.warns(
            SourceWarning, match=r"source 'source1' has no split 'test', so no digits are drawn"
        ):
            use(recipe, mixed)
        for split in ("train", "all"):
            use(recipe.changed(split=split), mixed)
    with pytest.warns(SourceWarning, match="source 'source1' has no split 'test'"):
        generate_numbers_sequence("0", (0, 0), 28, seed=1, source=mixed, split="test")


@pytest.mark.usefixtures("small_shards_everywhere")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_warnings_about_sources_are_printed_once(own: str, solid: GlyphSet, workers: str) -> None:
    for row, (image, label) in enumerate(zip(solid.images, solid.labels, strict=True)):
        folder = Path("both", ("train", "test")[row % 2], str(label))
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{row}.png")
    command = "batch out -n 250 --length 1 --seed 1 --source a.npz --source both --split test"
    done = run(*command.split(), "--workers", workers)
    assert done.stderr.count("warning: source 'a.npz' has no split 'test'") == 1
    assert run("verify", "out").stderr.count("warning") == 0


def test_cached_built_in_digits_are_read_and_drawn_again_only_if_damaged(
    with_bank: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builtin.__globals__["_opened"].cache_clear()  # it may hold the set from which the cache was filled
    cached = load_glyphs("builtin", "all")
    assert cached.folder is not None
    assert sources._undamaged(cached) is cached
    never = sources.SOURCES["builtin"]._replace(redraw=lambda glyphs: pytest.fail("drawn again"))
    with monkeypatch.context() as patch:
        patch.setitem(sources.SOURCES, "builtin", never)
        assert len(load_glyphs("builtin+builtin=2", "all")) == 120_000
    monkeypatch.setattr(sources, "damage", lambda glyphs: "damaged")
    assert sources._undamaged(cached).folder is None


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("mnist:2", "builtin"), "expected mnist, got 'mnist:2'\nhint: a weight is written mnist=2"),
        (("builtin=2",), "a weight needs a second source, got 'builtin=2'"),
        (("c++", "builtin"), "--source: a path in a mixture cannot contain +, got 'c++'\nhint: rename it"),
        (("c++=2", "builtin"), "--source: a path in a mixture cannot contain +, got 'c++'\nhint: rename it"),
        (("mnist+c++=2", "builtin"), "a path in a mixture cannot contain +, got 'c++'\nhint: rename it"),
        (("builtin+mnist=", "builtin:3"), "weights from 1 to 1,000, got 'builtin+mnist=+builtin:3'"),
    ],
)
def test_misspelt_mixtures_are_explained(in_folder: Path, options: tuple[str, ...], told: str) -> None:
    Path("c++").mkdir()
    given = [word for option in options for word in ("--source", option)]
    done = run("generate", "3", *given)
    assert done.returncode == 2
    assert told in done.stderr


@pytest.mark.parametrize("opened", [sources.open_source, sources.at_hand])
def test_a_style_seed_of_mnist_is_refused_by_everything_that_opens_sources(
    opened: Callable[[str], GlyphSet], with_mnist: Path
) -> None:
    for source in ("mnist:2", "mnist:2+builtin"):
        with pytest.raises(ArgumentError, match="expected mnist, got 'mnist:2'"):
            opened(source)


def test_a_folder_does_not_hide_a_mixture_of_known_sources(in_folder: Path) -> None:
    Path("builtin=2+mnist").mkdir()
    assert parse_mixture("builtin=2+mnist") == (Weighted("builtin", 2), Weighted("mnist"))


def test_files_in_another_order_are_another_mixture(own: str) -> None:
    first = load_glyphs(own, "all").origin.tolist()
    with np.load("a.npz") as file:
        images, labels = file["images"][::-1], file["labels"][::-1]
    np.savez("a.npz", images=images, labels=labels)
    sources._opened.clear()
    assert load_glyphs(own, "all").origin.tolist() != first


def test_glyphs_drawn_for_a_mixture_are_not_drawn_again(cache: Path) -> None:
    drawn, read = _set(1, [(0, 0)]), _set(2, [(0, 0)])
    drawn.drawn_on_demand = True
    checked: list[str] = []

    def recomputed(glyphs: GlyphSet) -> GlyphSet:
        checked.append(glyphs.name)
        return glyphs

    assert len(stored_mixture([drawn, read], [1, 1], recomputed)) == 2
    assert checked == ["source2"]


def test_without_a_cache_a_warning_says_that_mixing_is_repeated(
    own: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DIGITSEQ_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.warns(
        DigitSeqWarning, match="the sources are mixed again in each run; set DIGITSEQ_CACHE_DIR to"
    ):
        assert len(load_glyphs(own, "all")) == 240


def test_a_damaged_mixture_is_mixed_again(own: str, cache: Path) -> None:
    first = load_glyphs(own, "all")
    (stored,) = cache.rglob("glyphs.npy")
    data = bytearray(stored.read_bytes())
    data[-30_000:-20_000] = bytes(10_000)
    stored.write_bytes(data)
    sources._opened.clear()
    damaged = load_glyphs(own, "all")
    assert damage(damaged) != ""
    again = sources.recomputed(damaged)
    assert (again.digest, damage(again)) == (first.digest, "")


def test_a_copy_in_another_process_gives_the_same_images(own: str) -> None:
    live = DigitSequences(make_recipe(length=3, count=20, seed=1, source=own), own)
    copy = pickle.loads(pickle.dumps(live))
    assert all((live[i][0] == copy[i][0]).all() for i in range(20))


def test_a_mixture_can_be_stored_and_opened_like_any_set(tmp_path: Path) -> None:
    mixed = mix([_set(1, [(0, 0), (3, 2)]), _set(2, [(0, 1)])], [1, 5])
    save_glyphs(tmp_path / "stored", mixed)
    opened = open_glyphs(tmp_path / "stored")
    assert opened is not None
    assert (opened.parts, opened.digest, damage(opened)) == (mixed.parts, mixed.digest, "")


def test_options_name_several_sources(own: str) -> None:
    def facts(*options: str) -> dict[str, Any]:
        done = run("generate", "35021", "--seed", "1", "--force", "--json", *options)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    twice = facts("--source", "a.npz=2", "--source", "b.npz")
    assert twice == facts("--source", own)
    assert twice["source"] == own
    assert set(twice["sources"]) <= {"a.npz", "b.npz"}
    assert [("a.npz", "b.npz")[glyph >= 120] for glyph in twice["glyphs"]] == twice["sources"]
    done = run("generate", "3", "--source", "a.npz=0", "--source", "b.npz")
    assert (done.returncode, done.stderr.split(",")[0]) == (
        2,
        "error: --source: expected sources such as mnist=2+builtin",
    )

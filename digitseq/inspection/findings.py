"""What is wrong with images, or worth knowing: found in the columns, named in words."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from digitseq.arrays import AnyArray, count_values, unique_counts, unique_inverse
from digitseq.inspection.measure import Seen
from digitseq.inspection.spacing import different, outside
from digitseq.inspection.table import Table

EXAMPLES = 20
"""Images named for each kind of finding."""
_SURPRISE = 5.0  # standard deviations from an even share of digits, and …
_OFF = 0.05  # … this far from it


@dataclass(frozen=True)
class Finding:
    """
    Something that is wrong, or that one should know.

    Attributes:
        kind: "file", "split", "metadata", "manifest", "label", "boxes", "pixels", "ink", "spacing",
            "missing", "duplicate", "leak", "glyph", "repeated label" or "balance".
        fault: it should not be so; else it may be meant.
        count: how many times.
        sentence: what they are, in words that go with any count.
        examples: the first of them by name, at most 20.
    """

    kind: str
    fault: bool
    count: int
    sentence: str
    examples: tuple[str, ...] = ()


def find(table: Table) -> tuple[Finding, ...]:
    """All findings, faults first."""
    found = [
        *_problems(table), *_missing(table), *_twins(table), *_leaks(table), *_strangers(table),
        *_spacing_findings(table), *_repeated(table), *_balance(table),
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda finding: not finding.fault))


_SENTENCES = {
    "manifest": "no manifest",
    "split": "splits that cannot be looked at",
    "file": "files missing or damaged",
    "metadata": "lines of the metadata that are not what they should be",
    "label": "labels wrong, or different in two places",
    "boxes": "images that do not show what their boxes say",
    "pixels": "images that are not what their recipe draws",
    "ink": "blank images",
}


def faults_of_images(table: Table) -> dict[int, list[str]]:
    """What is wrong with single images, in words: image → sentences."""
    faults: dict[int, list[str]] = {}
    for _, image, sentence in table.problems:
        faults.setdefault(image, []).append(sentence)
    for group in table.twins:
        if not _by_chance(table, group):
            for image in group:
                others = ", ".join(table.name(other) for other in group[:4] if other != image)
                faults.setdefault(image, []).append(f"has the same pixels as {others}")
    for digit in np.flatnonzero(different(table)).tolist():
        sentence = f"{_gap(table, digit)} after digit {table.position[digit] + 1}"
        faults.setdefault(int(table.image[digit]), []).append(sentence)
    for digit in np.flatnonzero(_strange(table)).tolist():
        sentence = f"glyph {table.glyph[digit]} is not one of digit {table.digit[digit]} in its split"
        faults.setdefault(int(table.image[digit]), []).append(sentence)
    leaked = np.isin(table.glyph, shared_glyphs(table)) & (table.glyph >= 0)
    for digit in np.flatnonzero(leaked).tolist():
        faults.setdefault(int(table.image[digit]), []).append(
            f"glyph {table.glyph[digit]} is in another split, too"
        )
    faults.pop(-1, None)
    return faults


def _problems(table: Table) -> Iterable[Finding]:
    """What was noticed on the way, image by image."""
    for kind, sentence in _SENTENCES.items():
        found = [(image, text) for what, image, text in table.problems if what == kind]
        count = len({image for image, _ in found if image >= 0}) + sum(image < 0 for image, _ in found)
        examples = []
        for image, text in found[:EXAMPLES]:
            name = f"{table.name(image)}: " if image >= 0 else ""
            examples.append(text if text.startswith(name) else name + text)
        if found:
            yield Finding(kind, True, count, sentence, tuple(examples))


def _missing(table: Table) -> Iterable[Finding]:
    """Images that no line of the metadata tells of, and images that two tell of."""
    if table.subject.kind != "dataset":
        return
    absent: list[str] = []
    doubles: list[str] = []
    for place, split in enumerate(table.subject.splits):
        numbers, times = unique_counts(table.number[table.split == place])
        doubles += [split.name(number) for number in numbers[times > 1].tolist()]
        if not table.sample:
            every = np.arange(len(split), dtype=np.int64)
            absent += [split.name(n) for n in np.setdiff1d(every, numbers).tolist()]
    for names, sentence in (
        (absent, "images without a line in the metadata"),
        (doubles, "images with more than one line in the metadata"),
    ):
        if names:
            yield Finding("missing", True, len(names), sentence, tuple(names[:EXAMPLES]))


def _twins(table: Table) -> Iterable[Finding]:
    """Images with the same pixels: by chance, if everything else that is known of them is the same, too."""
    within: list[str] = []
    across: list[str] = []
    chance: list[str] = []
    for group in table.twins:
        text = " = ".join(table.name(image) for image in group[:5])
        text += f" (and {len(group) - 5} more)" if len(group) > 5 else ""
        labels = sorted({table.labels[image] for image in group})
        text += f" labelled {' and '.join(labels[:3])}" if len(labels) > 1 else ""
        kind = chance if _by_chance(table, group) else within
        (across if _splits(table, group) > 1 else kind).append(text)
    for what, fault, groups, sentence in (
        ("duplicate", True, within, "groups of images with the same pixels"),
        ("leak", True, across, "groups of images with the same pixels in different splits"),
        ("duplicate", False, chance, "groups of images that were drawn alike by chance"),
    ):
        if groups:
            yield Finding(what, fault, len(groups), sentence, tuple(groups[:EXAMPLES]))


def _splits(table: Table, group: list[int]) -> int:
    return len({int(table.split[image]) for image in group})


def _by_chance(table: Table, group: list[int]) -> bool:
    spoilt = any(table.spoilt[image] for image in group)
    return not spoilt and _splits(table, group) == 1 and len({_known(table, image) for image in group}) == 1


def _known(table: Table, image: int) -> tuple[str, bytes, bytes]:
    digits = slice(int(table.first[image]), int(table.first[image + 1]))
    return table.labels[image], table.glyph[digits].tobytes(), table.boxes[digits].tobytes()


def _splits_of(value: AnyArray, split: AnyArray, values: int) -> AnyArray:
    """Which values occur in which splits: bool (values, splits)."""
    there = np.zeros((values, int(split.max(initial=0)) + 1), np.bool_)
    there[value, split] = True
    return there


def shared_glyphs(table: Table) -> AnyArray:
    """Glyphs that occur in more than one split, ascending."""
    if len(table.subject.splits) < 2:
        return np.zeros(0, np.int64)
    known = table.glyph >= 0
    glyphs, which = unique_inverse(table.glyph[known])
    there = _splits_of(which, table.split[table.image[known]], len(glyphs))
    shared: AnyArray = glyphs[there.sum(1, dtype=np.int64) > 1]
    return shared


def _leaks(table: Table) -> Iterable[Finding]:
    leaks = shared_glyphs(table)
    if not len(leaks):
        return
    examples = []
    for glyph in leaks[:EXAMPLES].tolist():
        images = table.image[table.glyph == glyph]
        firsts = [int(images[table.split[images] == split][0]) for split in np.unique(table.split[images])]
        examples.append(f"glyph {glyph}: " + ", ".join(table.name(image) for image in firsts))
    yield Finding("leak", True, len(leaks), "glyphs in more than one split", tuple(examples))


def _strange(table: Table) -> AnyArray:
    """Which glyphs are of another split or digit than the one they stand for: bool (digits,)."""
    glyphs = table.subject.glyphs
    wrong: AnyArray = np.zeros(len(table.glyph), np.bool_)
    if glyphs is None:
        return wrong
    digit_of = np.full(
        max(int(glyphs.origin.max(initial=0)), int(table.glyph.max(initial=0))) + 1, -1, dtype=np.int64
    )
    for place, split in enumerate(table.subject.splits):
        digit_of[:] = -1
        own = glyphs.choose(split.split if split.recipe is not None else "all")
        for digit in range(10):
            digit_of[own.origin[own.rows(digit)]] = digit
        here = (table.split[table.image] == place) & (table.glyph >= 0)
        wrong[here] = digit_of[table.glyph[here]] != table.digit[here]
    return wrong


def _strangers(table: Table) -> Iterable[Finding]:
    wrong = np.flatnonzero(_strange(table)).tolist()
    if wrong:
        examples = [
            f"{table.name(int(table.image[n]))}: glyph {table.glyph[n]} as digit {table.position[n] + 1}, "
            f"a {table.digit[n]}"
            for n in wrong[:EXAMPLES]
        ]
        sentence = "glyphs that the source does not have for that digit in that split"
        yield Finding("glyph", True, len(wrong), sentence, tuple(examples))


def _gap(table: Table, digit: int) -> str:
    words = {Seen.MEASURED: f"{table.seen_px[digit]} px", Seen.TOUCHING: "touching"}
    seen = words.get(Seen(int(table.seen[digit])), "shared columns")
    return f"{seen}, {table.drawn_px[digit]} px drawn," if table.is_drawn[digit] else seen


def _spacing_findings(table: Table) -> Iterable[Finding]:
    wrong, recipe = different(table), table.subject.recipe
    if not wrong.any() or recipe is None:
        return
    examples = []
    for digit in np.flatnonzero(wrong).tolist()[:EXAMPLES]:
        name = table.name(int(table.image[digit]))
        examples.append(f"{name}: {_gap(table, digit)} after digit {table.position[digit] + 1}")
    low, high = recipe.spacing_range
    beyond = int(np.count_nonzero(outside(table)))
    sentence = f"gaps that the recipe does not draw there, {beyond:,} of them outside {low} to {high} px"
    yield Finding("spacing", True, int(np.count_nonzero(wrong)), sentence, tuple(examples))


def _repeated(table: Table) -> Iterable[Finding]:
    recipe = table.subject.recipe
    if recipe is None or not recipe.unique:
        return
    again = [label for label, times in Counter(table.labels).items() if times > 1]
    if not again:
        return
    examples = []
    places: dict[str, list[int]] = {label: [] for label in again[:EXAMPLES]}
    for image, label in enumerate(table.labels):
        if label in places:
            places[label].append(image)
    for label, images in places.items():
        examples.append(f"{label}: " + ", ".join(table.name(image) for image in images[:5]))
    sentence = "labels that occur more than once, where the recipe says unique"
    yield Finding("repeated label", True, len(again), sentence, tuple(examples))


def _balance(table: Table) -> Iterable[Finding]:
    """Digits that are so much more or less frequent than a tenth that chance does not explain it."""
    examples = []
    for place, split in enumerate(table.subject.splits):
        digits = digit_counts(table.digit[table.split[table.image] == place])
        total = int(digits.sum(dtype=np.int64))
        even = total / 10
        off = np.abs(digits - even)
        where = f"{split.split}: " if len(table.subject.splits) > 1 else ""
        examples += [
            f"{where}digit {d}: {digits[d]:,} of {total:,}, {digits[d] / even:.2f} × an even share"
            for d in np.flatnonzero((off > _SURPRISE * (even * 0.9) ** 0.5) & (off > _OFF * even)).tolist()
        ]
    if examples:
        sentence = "digits that are more or less frequent than a tenth each, beyond chance"
        yield Finding("balance", False, len(examples), sentence, tuple(examples[:EXAMPLES]))


def digit_counts(digits: AnyArray) -> AnyArray:
    """How often each of 0–9 occurs: int (10,)."""
    return count_values(digits[(digits >= 0) & (digits <= 9)], bins=10)

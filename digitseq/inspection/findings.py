"""Find faults and noteworthy facts in a table of measurements, and describe them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from digitseq.arrays import AnyArray, count_values, unique_counts, unique_inverse
from digitseq.inspection.measure_gaps import Seen
from digitseq.inspection.spacing_report import different, outside
from digitseq.inspection.table import Table

EXAMPLES = 20
"""Maximum number of examples per finding."""
_SURPRISE = 5.0  # standard deviations from a uniform share of digits, and …
_OFF = 0.05  # … relative difference from it


@dataclass(frozen=True)
class Finding:
    """
    A fault, or a noteworthy fact.

    Attributes:
        kind: "file", "split", "metadata", "manifest", "label", "boxes", "pixels", "ink", "spacing",
            "missing", "duplicate", "leak", "glyph", "repeated label" or "balance".
        fault: True for a fault; False for a note, which may be intended.
        count: number of occurrences.
        sentence: description in the plural, which follows the count.
        examples: first occurrences by name, at most 20.
        images: the images concerned, as indices into the table.
    """

    kind: str
    fault: bool
    count: int
    sentence: str
    examples: tuple[str, ...] = ()
    images: tuple[int, ...] = field(default=(), repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return all attributes except ``images`` as plain JSON types."""
        return {name: value for name, value in vars(self).items() if name != "images"}


def find(table: Table) -> tuple[Finding, ...]:
    """Return all findings, faults first."""
    found = [
        *_problems(table), *_missing(table), *_twins(table), *_leaks(table), *_strangers(table),
        *_spacing_findings(table), *_repeated(table), *_balance(table),
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda finding: not finding.fault))


_SENTENCES = {
    "manifest": "missing manifest",
    "split": "splits that cannot be inspected",
    "file": "missing or damaged files",
    "metadata": "invalid metadata rows",
    "label": "wrong or inconsistent labels",
    "boxes": "images that do not match their boxes",
    "pixels": "images that differ from what their recipe renders",
    "ink": "blank images",
}


def faults_of_images(table: Table) -> dict[int, list[str]]:
    """Return the faults of single images: image → sentences."""
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
        sentence = f"glyph {table.glyph[digit]} is not a glyph of digit {table.digit[digit]} in this split"
        faults.setdefault(int(table.image[digit]), []).append(sentence)
    leaked = np.isin(table.glyph, shared_glyphs(table)) & (table.glyph >= 0)
    for digit in np.flatnonzero(leaked).tolist():
        faults.setdefault(int(table.image[digit]), []).append(
            f"glyph {table.glyph[digit]} also occurs in another split"
        )
    faults.pop(-1, None)
    return faults


def _problems(table: Table) -> Iterable[Finding]:
    """Yield findings for the problems that were recorded while reading and measuring."""
    for kind, sentence in _SENTENCES.items():
        found = [(image, text) for what, image, text in table.problems if what == kind]
        count = len({image for image, _ in found if image >= 0}) + sum(image < 0 for image, _ in found)
        examples = []
        for image, text in found[:EXAMPLES]:
            name = f"{table.name(image)}: " if image >= 0 else ""
            examples.append(text if text.startswith(name) else name + text)
        if found:
            images = tuple(sorted({image for image, _ in found if image >= 0}))
            yield Finding(kind, True, count, sentence, tuple(examples), images)


def _missing(table: Table) -> Iterable[Finding]:
    """Yield findings for images with no metadata row, or with more than one."""
    if table.subject.kind != "dataset":
        return
    absent: list[str] = []
    doubles: list[str] = []
    twice: list[int] = []
    for place, split in enumerate(table.subject.splits):
        here = table.split == place
        numbers, times = unique_counts(table.number[here])
        doubles += [split.name(number) for number in numbers[times > 1].tolist()]
        twice += np.flatnonzero(here & np.isin(table.number, numbers[times > 1])).tolist()
        if not table.sample:
            every = np.arange(len(split), dtype=np.int64)
            absent += [split.name(n) for n in np.setdiff1d(every, numbers).tolist()]
    for names, images, sentence in (
        (absent, (), "images without a metadata row"),
        (doubles, tuple(twice), "images with more than one metadata row"),
    ):
        if names:
            yield Finding("missing", True, len(names), sentence, tuple(names[:EXAMPLES]), images)


def _twins(table: Table) -> Iterable[Finding]:
    """Yield findings for images with the same pixels: faults unless labels, glyphs and boxes agree too."""
    within: list[tuple[str, list[int]]] = []
    across: list[tuple[str, list[int]]] = []
    chance: list[tuple[str, list[int]]] = []
    for group in table.twins:
        told = len({table.labels[image] for image in group}) > 1
        text = " = ".join(
            table.name(image) + (f" (label {table.labels[image][:40]})" if told else "")
            for image in group[:5]
        )
        text += f" (and {len(group) - 5} more)" if len(group) > 5 else ""
        kind = chance if _by_chance(table, group) else within
        (across if _splits(table, group) > 1 else kind).append((text, group))
    for what, fault, groups, sentence in (
        ("duplicate", True, within, "groups of images with the same pixels"),
        ("leak", True, across, "groups of images with the same pixels in different splits"),
        ("duplicate", False, chance, "groups of images that are identical by chance"),
    ):
        if groups:
            examples = tuple(text for text, _ in groups[:EXAMPLES])
            images = tuple(sorted(image for _, group in groups for image in group))
            yield Finding(what, fault, len(groups), sentence, examples, images)


def _splits(table: Table, group: list[int]) -> int:
    return len({int(table.split[image]) for image in group})


def _by_chance(table: Table, group: list[int]) -> bool:
    spoilt = any(table.spoilt[image] for image in group)
    return not spoilt and _splits(table, group) == 1 and len({_known(table, image) for image in group}) == 1


def _known(table: Table, image: int) -> tuple[str, bytes, bytes]:
    digits = slice(int(table.first[image]), int(table.first[image + 1]))
    return table.labels[image], table.glyph[digits].tobytes(), table.boxes[digits].tobytes()


def _splits_of(value: AnyArray, split: AnyArray, values: int) -> AnyArray:
    """Return which values occur in which splits: bool (values, splits)."""
    there = np.zeros((values, int(split.max(initial=0)) + 1), np.bool_)
    there[value, split] = True
    return there


def shared_glyphs(table: Table) -> AnyArray:
    """Return the glyphs that occur in more than one split, ascending."""
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
    images = _images_with(table, np.isin(table.glyph, leaks) & (table.glyph >= 0))
    yield Finding("leak", True, len(leaks), "glyphs in more than one split", tuple(examples), images)


def _images_with(table: Table, digits: AnyArray) -> tuple[int, ...]:
    """Return the images of some digits, ascending."""
    return tuple(np.unique(table.image[digits]).tolist())


def _strange(table: Table) -> AnyArray:
    """Return which glyphs belong to another split or digit than they are used for: bool (digits,)."""
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
            f"{table.name(int(table.image[n]))}: glyph {table.glyph[n]} at position {table.position[n] + 1} "
            f"(digit {table.digit[n]})"
            for n in wrong[:EXAMPLES]
        ]
        sentence = "glyphs that do not belong to their digit and split in the source"
        images = _images_with(table, np.array(wrong, np.int64))
        yield Finding("glyph", True, len(wrong), sentence, tuple(examples), images)


def _gap(table: Table, digit: int) -> str:
    words = {Seen.MEASURED: f"{table.seen_px[digit]} px", Seen.TOUCHING: "touching"}
    seen = words.get(Seen(int(table.seen[digit])), "shared columns")
    return f"{seen} (expected {table.drawn_px[digit]} px)" if table.is_drawn[digit] else seen


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
    sentence = f"gaps that differ from the recipe, {beyond:,} of them outside {low} to {high} px"
    count = int(np.count_nonzero(wrong))
    yield Finding("spacing", True, count, sentence, tuple(examples), _images_with(table, wrong))


def _repeated(table: Table) -> Iterable[Finding]:
    recipe = table.subject.recipe
    if recipe is None or not recipe.unique:
        return
    again = [label for label, times in Counter(filter(None, table.labels)).items() if times > 1]
    if not again:
        return
    examples = []
    places: dict[str, list[int]] = {label: [] for label in again[:EXAMPLES]}
    for image, label in enumerate(table.labels):
        if label in places:
            places[label].append(image)
    for label, images in places.items():
        examples.append(f"{label}: " + ", ".join(table.name(image) for image in images[:5]))
    sentence = "labels that occur more than once although the recipe requires unique labels"
    repeated = set(again)
    every = tuple(image for image, label in enumerate(table.labels) if label in repeated)
    yield Finding("repeated label", True, len(again), sentence, tuple(examples), every)


def _balance(table: Table) -> Iterable[Finding]:
    """Yield a finding for digits whose share differs from one tenth by more than chance explains."""
    examples = []
    for place, split in enumerate(table.subject.splits):
        digits = digit_counts(table.digit[table.split[table.image] == place])
        total = int(digits.sum(dtype=np.int64))
        even = total / 10
        off = np.abs(digits - even)
        where = f"{split.split}: " if len(table.subject.splits) > 1 else ""
        examples += [
            f"{where}digit {d}: {digits[d]:,} of {total:,}, {digits[d] / even:.2f}× the uniform share"
            for d in np.flatnonzero((off > _SURPRISE * (even * 0.9) ** 0.5) & (off > _OFF * even)).tolist()
        ]
    if examples:
        sentence = "digits whose share differs significantly from one tenth"
        yield Finding("balance", False, len(examples), sentence, tuple(examples[:EXAMPLES]))


def digit_counts(digits: AnyArray) -> AnyArray:
    """Count each digit 0–9: int (10,)."""
    return count_values(digits[(digits >= 0) & (digits <= 9)], bins=10)

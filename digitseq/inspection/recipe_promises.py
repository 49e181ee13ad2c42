"""Derive the expected properties of each image from the recipe alone, without glyphs."""

from dataclasses import dataclass

import numpy as np

from digitseq import streams
from digitseq.arrays import AnyArray, BoolArray, IntArray
from digitseq.augment.effects import EFFECTS
from digitseq.augment.sampler import Sampler
from digitseq.labels import draw_labels, label_texts
from digitseq.plan import drawn_gaps
from digitseq.recipe import Recipe


@dataclass(frozen=True)
class Promise:
    """
    Expected properties of some images.

    Attributes:
        labels: labels.
        gaps_px: int (images, digits − 1), sampled spacing in px.
        strengths: effect in use → float (images,), distance from the neutral strength, averaged over digits.
        clean: bool (images,), nothing but ink on black paper, once inversion is undone.
        white: bool (images,), black on white.
    """

    labels: list[str]
    gaps_px: IntArray
    strengths: dict[str, AnyArray]
    clean: BoolArray
    white: BoolArray


def promise(recipe: Recipe, indices: IntArray) -> Promise:
    """
    Return the expected properties of some images.

    Args:
        recipe: recipe of one split.
        indices: int (images,), in [0, len(recipe)).
    """
    starts = streams.image_starts(streams.seed_start(recipe.seed), indices + recipe.index)
    digits, inside = draw_labels(recipe, indices, starts)
    count = digits.shape[1]
    strengths: dict[str, AnyArray] = {}
    clean = np.ones(len(indices), np.bool_)
    white = np.full(len(indices), recipe.invert, np.bool_)
    if recipe.settings is not None:
        draws = Sampler(recipe.settings, starts)
        weight = np.ones(digits.shape, np.float64) if inside is None else inside.astype(np.float64)
        weights = weight.sum(1, dtype=np.float64)
        for name, effect in EFFECTS.items():
            if not recipe.settings.uses(name):
                continue
            far = np.abs(draws.strengths(name, count) - effect.neutral)
            of_digits = far.shape[1] == count
            strengths[name] = (far * weight).sum(1, dtype=np.float64) / weights if of_digits else far[:, 0]
            if effect.covers:
                clean &= strengths[name] == 0
            if effect.sampled == "chance":
                white ^= strengths[name] > 0
    return Promise(label_texts(digits), drawn_gaps(recipe, starts, count - 1), strengths, clean, white)

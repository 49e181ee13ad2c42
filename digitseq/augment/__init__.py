"""Augmentation: effects on each digit (`digit_effects`) and on whole lines (`line_effects`)."""

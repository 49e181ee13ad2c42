"""
Images of handwritten digit sequences: exact, fast and reproducible to the pixel.

>>> import digitseq
>>> digitseq.generate_numbers_sequence("3502", (2, 8), 200, seed=1, source="builtin").shape
(28, 200)
"""

TYPE_CHECKING = False  # type checkers treat it as true; importing typing would take longer than all the rest
if TYPE_CHECKING:
    from digitseq.api import compare_reports as compare_reports
    from digitseq.api import draw as draw
    from digitseq.api import draw_sheet as draw_sheet
    from digitseq.api import fetch_mnist as fetch_mnist
    from digitseq.api import generate_numbers_sequence as generate_numbers_sequence
    from digitseq.api import inspect_dataset as inspect_dataset
    from digitseq.api import load_glyphs as load_glyphs
    from digitseq.api import make_recipe as make_recipe
    from digitseq.api import outline as outline
    from digitseq.api import read_dataset as read_dataset
    from digitseq.api import read_recipe as read_recipe
    from digitseq.api import score_predictions as score_predictions
    from digitseq.api import verify_dataset as verify_dataset
    from digitseq.api import write_dataset as write_dataset
    from digitseq.api import write_page as write_page
    from digitseq.api import write_sheet as write_sheet
    from digitseq.augment.effects import Augment as Augment
    from digitseq.dataset.read import Dataset as Dataset
    from digitseq.dataset.write import Summary as Summary
    from digitseq.errors import ArgumentError as ArgumentError
    from digitseq.errors import CacheError as CacheError
    from digitseq.errors import DigitSeqError as DigitSeqError
    from digitseq.errors import DigitSeqWarning as DigitSeqWarning
    from digitseq.errors import ExtraError as ExtraError
    from digitseq.errors import FetchError as FetchError
    from digitseq.errors import FormatError as FormatError
    from digitseq.errors import OutputError as OutputError
    from digitseq.errors import SourceError as SourceError
    from digitseq.errors import SourceWarning as SourceWarning
    from digitseq.errors import WidthError as WidthError
    from digitseq.glyphs.glyphset import GlyphSet as GlyphSet
    from digitseq.glyphs.handwriting.builtin import builtin as builtin
    from digitseq.inspection.compare import Comparison as Comparison
    from digitseq.inspection.report import Report as Report
    from digitseq.inspection.selection import Choice as Choice
    from digitseq.picture import Picture as Picture
    from digitseq.recipe import Recipe as Recipe
    from digitseq.training.ctc import check_ctc as check_ctc
    from digitseq.training.ctc import ctc_decode as ctc_decode
    from digitseq.training.ctc import ctc_encode as ctc_encode
    from digitseq.training.ctc import ctc_frames as ctc_frames
    from digitseq.training.sequences import DigitSequences as DigitSequences

from digitseq.version import __version__

# Public name → the module that holds it. Importing digitseq must cost nothing, so each is loaded on
# first use (PEP 562).
_HOME = {
    "ArgumentError": "digitseq.errors",
    "Augment": "digitseq.augment.effects",
    "CacheError": "digitseq.errors",
    "Choice": "digitseq.inspection.selection",
    "Comparison": "digitseq.inspection.compare",
    "Dataset": "digitseq.dataset.read",
    "DigitSeqError": "digitseq.errors",
    "DigitSeqWarning": "digitseq.errors",
    "DigitSequences": "digitseq.training.sequences",
    "ExtraError": "digitseq.errors",
    "FetchError": "digitseq.errors",
    "FormatError": "digitseq.errors",
    "GlyphSet": "digitseq.glyphs.glyphset",
    "OutputError": "digitseq.errors",
    "Picture": "digitseq.picture",
    "Recipe": "digitseq.recipe",
    "Report": "digitseq.inspection.report",
    "SourceError": "digitseq.errors",
    "SourceWarning": "digitseq.errors",
    "Summary": "digitseq.dataset.write",
    "WidthError": "digitseq.errors",
    "builtin": "digitseq.glyphs.handwriting.builtin",
    "check_ctc": "digitseq.training.ctc",
    "compare_reports": "digitseq.api",
    "ctc_decode": "digitseq.training.ctc",
    "ctc_encode": "digitseq.training.ctc",
    "ctc_frames": "digitseq.training.ctc",
    "draw": "digitseq.api",
    "draw_sheet": "digitseq.api",
    "fetch_mnist": "digitseq.api",
    "generate_numbers_sequence": "digitseq.api",
    "inspect_dataset": "digitseq.api",
    "load_glyphs": "digitseq.api",
    "make_recipe": "digitseq.api",
    "outline": "digitseq.api",
    "read_dataset": "digitseq.api",
    "read_recipe": "digitseq.api",
    "score_predictions": "digitseq.api",
    "verify_dataset": "digitseq.api",
    "write_dataset": "digitseq.api",
    "write_page": "digitseq.api",
    "write_sheet": "digitseq.api",
}

__all__ = [
    "ArgumentError",
    "Augment",
    "CacheError",
    "Choice",
    "Comparison",
    "Dataset",
    "DigitSeqError",
    "DigitSeqWarning",
    "DigitSequences",
    "ExtraError",
    "FetchError",
    "FormatError",
    "GlyphSet",
    "OutputError",
    "Picture",
    "Recipe",
    "Report",
    "SourceError",
    "SourceWarning",
    "Summary",
    "WidthError",
    "__version__",
    "builtin",
    "check_ctc",
    "compare_reports",
    "ctc_decode",
    "ctc_encode",
    "ctc_frames",
    "draw",
    "draw_sheet",
    "fetch_mnist",
    "generate_numbers_sequence",
    "inspect_dataset",
    "load_glyphs",
    "make_recipe",
    "outline",
    "read_dataset",
    "read_recipe",
    "score_predictions",
    "verify_dataset",
    "write_dataset",
    "write_page",
    "write_sheet",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'digitseq' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__

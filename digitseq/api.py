"""
The core API: every public name, loaded on first use (PEP 562) from the module that defines it.

The command line uses only these names; `digitseq` exports the same ones.
"""

TYPE_CHECKING = False  # type checkers treat it as True; importing typing would take most of the import time
if TYPE_CHECKING:
    from digitseq.augment.effects import Augment as Augment
    from digitseq.dataset.assemble import Summary as Summary
    from digitseq.dataset.dry_run import outline as outline
    from digitseq.dataset.find import read_layout as read_layout
    from digitseq.dataset.find import read_recipe as read_recipe
    from digitseq.dataset.find import seed_in as seed_in
    from digitseq.dataset.read import Dataset as Dataset
    from digitseq.dataset.read import read_dataset as read_dataset
    from digitseq.dataset.verify import verify_dataset as verify_dataset
    from digitseq.dataset.write import write_dataset as write_dataset
    from digitseq.environment import describe_environment as describe_environment
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
    from digitseq.glyphs.sources import fetch_mnist as fetch_mnist
    from digitseq.glyphs.sources import load_glyphs as load_glyphs
    from digitseq.glyphs.sources import load_recorded_glyphs as load_recorded_glyphs
    from digitseq.inspection.compare import Comparison as Comparison
    from digitseq.inspection.compare import compare_reports as compare_reports
    from digitseq.inspection.comparison_page import write_comparison_page as write_comparison_page
    from digitseq.inspection.inspect import inspect_dataset as inspect_dataset
    from digitseq.inspection.inspect import score_predictions as score_predictions
    from digitseq.inspection.output import check_output as check_output
    from digitseq.inspection.page import write_page as write_page
    from digitseq.inspection.report import Report as Report
    from digitseq.inspection.selection import Choice as Choice
    from digitseq.inspection.sheet import draw_sheet as draw_sheet
    from digitseq.inspection.sheet import write_sheet as write_sheet
    from digitseq.picture import Picture as Picture
    from digitseq.picture import draw as draw
    from digitseq.picture import generate_numbers_sequence as generate_numbers_sequence
    from digitseq.recipe import Recipe as Recipe
    from digitseq.recipe import make_recipe as make_recipe
    from digitseq.training.collate import decode_digits as decode_digits
    from digitseq.training.collate import encode_digits as encode_digits
    from digitseq.training.collate import pad_batch as pad_batch
    from digitseq.training.ctc import check_ctc as check_ctc
    from digitseq.training.ctc import ctc_decode as ctc_decode
    from digitseq.training.ctc import ctc_encode as ctc_encode
    from digitseq.training.ctc import ctc_frames as ctc_frames
    from digitseq.training.sequences import DigitSequences as DigitSequences
    from digitseq.version import __version__ as __version__

_NAMES = {
    "digitseq.augment.effects": ("Augment",),
    "digitseq.dataset.assemble": ("Summary",),
    "digitseq.dataset.find": (
        "read_layout",
        "read_recipe",
        "seed_in",
    ),
    "digitseq.dataset.dry_run": ("outline",),
    "digitseq.dataset.read": (
        "Dataset",
        "read_dataset",
    ),
    "digitseq.dataset.verify": ("verify_dataset",),
    "digitseq.dataset.write": ("write_dataset",),
    "digitseq.environment": ("describe_environment",),
    "digitseq.errors": (
        "ArgumentError",
        "CacheError",
        "DigitSeqError",
        "DigitSeqWarning",
        "ExtraError",
        "FetchError",
        "FormatError",
        "OutputError",
        "SourceError",
        "SourceWarning",
        "WidthError",
    ),
    "digitseq.glyphs.glyphset": ("GlyphSet",),
    "digitseq.glyphs.handwriting.builtin": ("builtin",),
    "digitseq.glyphs.sources": (
        "fetch_mnist",
        "load_glyphs",
        "load_recorded_glyphs",
    ),
    "digitseq.inspection.compare": (
        "Comparison",
        "compare_reports",
    ),
    "digitseq.inspection.inspect": (
        "inspect_dataset",
        "score_predictions",
    ),
    "digitseq.inspection.comparison_page": ("write_comparison_page",),
    "digitseq.inspection.output": ("check_output",),
    "digitseq.inspection.page": ("write_page",),
    "digitseq.inspection.report": ("Report",),
    "digitseq.inspection.selection": ("Choice",),
    "digitseq.inspection.sheet": (
        "draw_sheet",
        "write_sheet",
    ),
    "digitseq.picture": (
        "Picture",
        "draw",
        "generate_numbers_sequence",
    ),
    "digitseq.recipe": (
        "Recipe",
        "make_recipe",
    ),
    "digitseq.training.collate": (
        "decode_digits",
        "encode_digits",
        "pad_batch",
    ),
    "digitseq.training.ctc": (
        "check_ctc",
        "ctc_decode",
        "ctc_encode",
        "ctc_frames",
    ),
    "digitseq.training.sequences": ("DigitSequences",),
    "digitseq.version": ("__version__",),
}
_HOME = {name: module for module, names in _NAMES.items() for name in names}

if not TYPE_CHECKING:  # type checkers use the imports above
    __all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'digitseq' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(_HOME)

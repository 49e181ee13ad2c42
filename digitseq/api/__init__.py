"""
The core API: what programs call, and all that the command line calls.

It wires the rooms; how things are done stands in them. Each name is loaded on first use, as a command needs
few of them.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from digitseq.api.datasets import outline as outline
    from digitseq.api.datasets import read_dataset as read_dataset
    from digitseq.api.datasets import read_layout as read_layout
    from digitseq.api.datasets import read_recipe as read_recipe
    from digitseq.api.datasets import seed_in as seed_in
    from digitseq.api.datasets import verify_dataset as verify_dataset
    from digitseq.api.datasets import write_dataset as write_dataset
    from digitseq.api.inspection import check_output as check_output
    from digitseq.api.inspection import compare_reports as compare_reports
    from digitseq.api.inspection import draw_sheet as draw_sheet
    from digitseq.api.inspection import inspect_dataset as inspect_dataset
    from digitseq.api.inspection import score_predictions as score_predictions
    from digitseq.api.inspection import write_page as write_page
    from digitseq.api.inspection import write_sheet as write_sheet
    from digitseq.api.pictures import draw as draw
    from digitseq.api.pictures import fetch_mnist as fetch_mnist
    from digitseq.api.pictures import generate_numbers_sequence as generate_numbers_sequence
    from digitseq.api.pictures import load_glyphs as load_glyphs
    from digitseq.api.pictures import load_recorded_glyphs as load_recorded_glyphs
    from digitseq.api.pictures import make_recipe as make_recipe

_NAMES = {
    "datasets": (
        "outline",
        "read_dataset",
        "read_layout",
        "read_recipe",
        "seed_in",
        "verify_dataset",
        "write_dataset",
    ),
    "inspection": (
        "check_output",
        "compare_reports",
        "draw_sheet",
        "inspect_dataset",
        "score_predictions",
        "write_page",
        "write_sheet",
    ),
    "pictures": (
        "draw",
        "fetch_mnist",
        "generate_numbers_sequence",
        "load_glyphs",
        "load_recorded_glyphs",
        "make_recipe",
    ),
}
_HOME = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'digitseq.api' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"digitseq.api.{_HOME[name]}"), name)
    globals()[name] = value
    return value

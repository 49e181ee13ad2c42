"""
The part of a dataset card that tells Hugging Face's datasets library where the data are.

Format: huggingface.co/docs/hub/datasets-manual-configuration.
"""

from digitseq.dataset.formats.base import ARROW, JSON_LINES, PNG, TAR
from digitseq.dataset.manifest import Manifest
from digitseq.dataset.shards import Place

_READ = {JSON_LINES, PNG, TAR, ARROW}


def can_load(manifest: Manifest) -> bool:
    """Return whether ``load_dataset`` reads the format of a dataset."""
    return set(manifest.form.patterns(manifest.places[0])) <= _READ


def hub_metadata(manifest: Manifest) -> list[str]:
    """Return the YAML lines that name the files of each split, and the columns that need to be described."""
    if not can_load(manifest):
        return []
    lines = ["configs:", "- config_name: default", "  data_files:"]
    for place in manifest.places:
        patterns = manifest.form.patterns(place)
        lines += [f"  - split: {place.stem}", "    path:"]
        lines += [f'    - "{pattern}"' for pattern in patterns.values()]
    return lines + (_features(place) if ARROW in patterns else [])


def _features(place: Place) -> list[str]:
    """Return the YAML lines that describe the columns of an image, its label, its boxes and its glyphs."""
    return [
        "dataset_info:",
        "  features:",
        "  - name: image",
        "    dtype: image",
        "  - name: label",
        "    dtype: string",
        "  - name: objects",
        "    struct:",
        "    - name: bbox",
        "      list:",
        "        list: int32",
        "        length: 4",
        "    - name: categories",
        "      list: int32",
        "  - name: glyphs",
        "    list: int32",
        "  - name: writer",
        "    dtype: int32",
        *(["  - name: sources", "    list: string"] if place.parts else []),
        *(["  - name: mask", "    dtype: image"] if place.masks else []),
    ]

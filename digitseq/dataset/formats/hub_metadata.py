"""The part of a dataset card that tells Hugging Face's datasets library where the data are."""

from collections.abc import Sequence

from digitseq.dataset.shards import Place


def configs(places: list[Place], paths: Sequence[Sequence[str]]) -> list[str]:
    """
    Return the YAML lines that name the files of each split.

    Args:
        places: the splits.
        paths: patterns of the files of each.
    """
    lines = ["configs:", "- config_name: default", "  data_files:"]
    for place, patterns in zip(places, paths, strict=True):
        lines += [f"  - split: {place.stem}", "    path:", *(f'    - "{pattern}"' for pattern in patterns)]
    return lines


def features(*, masks: bool) -> list[str]:
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
        *(["  - name: mask", "    dtype: image"] if masks else []),
    ]

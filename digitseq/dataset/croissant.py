"""
Croissant metadata of a dataset: `croissant.json`, which says in JSON-LD where images and labels are.

Source: MLCommons, Croissant Format Specification 1.0
(docs.mlcommons.org/croissant/docs/croissant-spec.html).
"""

import json
from typing import Any

from digitseq.checks import counted
from digitseq.dataset.formats.base import ARROW, JSON_LINES, PNG
from digitseq.dataset.manifest import Manifest
from digitseq.dataset.shards import Place

_TERMS = (
    *("citeAs", "column", "equivalentProperty", "extract", "field", "fileObject", "fileProperty", "fileSet"),
    *("format", "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet"),
    *("references", "regex", "repeated", "replace", "samplingRate", "separator", "source", "subField"),
    "transform",
)
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in _TERMS},
}


def croissant(manifest: Manifest, licence: str) -> str:
    """
    Return the contents of croissant.json.

    The files are listed for every format. Fields are described for those that mlcroissant can read without
    the digest of each file: ``folder``, ``flat`` and ``parquet``.

    Args:
        manifest: the dataset.
        licence: the URL of its licence; "" if unknown.
    """
    sets: list[dict[str, Any]] = []
    records: list[dict[str, Any]] = []
    for place in manifest.places:
        patterns = manifest.form.patterns(place)
        sets += [_file_set(place, kind, pattern) for kind, pattern in patterns.items()]
        if fields := _fields(place, set(patterns)):
            records.append({"@type": "cr:RecordSet", "@id": place.stem, "name": place.stem, "field": fields})
    described = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": "digit-sequences",
        "description": f"{counted(len(manifest.recipe), 'image')} of handwritten digit sequences.",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "version": "1.0.0",
        **({"license": licence} if licence else {}),
        "distribution": sets,
        "recordSet": records,
    }
    return json.dumps(described, indent=1) + "\n"


def _file_set(place: Place, kind: str, pattern: str) -> dict[str, Any]:
    name = _set_name(place, kind)
    return {
        "@type": "cr:FileSet",
        "@id": name,
        "name": name,
        "encodingFormat": kind,
        "includes": pattern,
    }


def _set_name(place: Place, kind: str) -> str:
    return f"{place.stem}-{ {JSON_LINES: 'labels', PNG: 'images'}.get(kind, 'shards') }"


def _fields(place: Place, kinds: set[str]) -> list[dict[str, Any]]:
    """Return the fields of an image: the image, its label where that stays text, its digits and boxes."""
    labels = JSON_LINES if JSON_LINES in kinds else ARROW
    if labels not in kinds:
        return []

    def field(name: str, data: str, kind: str, extract: dict[str, str], **more: Any) -> dict[str, Any]:
        transform = {"transform": more.pop("transform")} if "transform" in more else {}
        return {
            "@type": "cr:Field",
            "@id": f"{place.stem}/{name}",
            "name": name,
            "dataType": data,
            "source": {"fileSet": {"@id": _set_name(place, kind)}, "extract": extract, **transform},
            **more,
        }

    def column(name: str, data: str, of: str, path: str, **more: Any) -> dict[str, Any]:
        return field(name, data, labels, {"column": of}, transform={"jsonPath": f"$.{path}"}, **more)

    facts = [
        column("digits", "sc:Integer", "objects", "categories", repeated=True),
        column("boxes", "sc:Integer", "objects", "bbox", repeated=True),
    ]
    if labels == ARROW:
        names = ["image", *(["mask"] if place.masks else [])]
        images = [column(name, "sc:ImageObject", name, "bytes") for name in names]
        return [*images, field("label", "sc:Text", ARROW, {"column": "label"}), *facts]
    # mlcroissant reads the text "0042" in a JSONL file as the number 42, so there is no field for the label.
    listed = {"fileSet": {"@id": _set_name(place, JSON_LINES)}, "extract": {"column": "file_name"}}
    name, content = {"fileProperty": "fullpath"}, {"fileProperty": "content"}
    inside = {"regex": "(?:.*/)?(images/.*)"}
    return [
        field("file", "sc:Text", PNG, name, transform=inside, references=listed),
        field("image", "sc:ImageObject", PNG, content),
        *facts,
    ]

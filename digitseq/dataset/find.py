"""Find a dataset from a path that the user gave, and read what its manifest says."""

from pathlib import Path

from digitseq.checks import home_path
from digitseq.dataset.manifest import MANIFEST, UNFINISHED, Manifest, found_manifest, read_manifest
from digitseq.errors import RESUME_BATCH, FormatError, system_errors
from digitseq.glyphs.own_glyphs import IMAGE_SUFFIXES
from digitseq.recipe import Recipe
from digitseq.storage.base import Storage
from digitseq.storage.local import LocalStorage
from digitseq.storage.open_storage import is_url, open_storage


def find_dataset(path: str | Path) -> tuple[Storage, str]:
    """
    Find a dataset from a path that the user gave.

    Args:
        path: its folder or URL, or its manifest, which may have any name.

    Returns:
        The storage of its folder, and the name of its manifest there.

    Raises:
        FormatError: the path is not a dataset.
    """
    if is_url(path):
        folder, _, name = str(path).rpartition("/")
        return (open_storage(folder), name) if name.endswith(".json") else (open_storage(path), MANIFEST)
    place = home_path(path)
    with system_errors(FormatError, f"{path} cannot be read"):
        if place.is_dir():
            if not any((place / name).exists() for name in (MANIFEST, UNFINISHED)):
                whole = next(
                    (above for above in place.resolve().parents if (above / MANIFEST).is_file()), None
                )
                if whole is not None:
                    raise FormatError(f"{path} is a folder inside a dataset", hint=f"give the folder {whole}")
                raise FormatError(f"{path} is not a dataset: it has no {MANIFEST}")
            return LocalStorage(place), MANIFEST
        if place.is_file() and place.suffix.lower() in IMAGE_SUFFIXES:
            hint = f"run `digitseq inspect {path}` to inspect an image"
            raise FormatError(f"{path} is an image, not a dataset", hint=hint)
        if not place.exists() and place.suffix != ".json":
            raise FormatError(f"{path} cannot be read: No such file or directory")
    return LocalStorage(place.parent), place.name


def dataset_storage(path: str | Path) -> Storage:
    """
    Return the storage of a dataset, given its folder, its URL or its dataset.json.

    Raises:
        FormatError: the path is not a dataset.
    """
    storage, name = find_dataset(path)
    if name != MANIFEST:
        raise FormatError(f"{path} is not a dataset", hint=f"give the folder that contains {MANIFEST}")
    return storage


def read_recipe(path: str | Path) -> tuple[Recipe, str]:
    """
    Read the recipe of a dataset.

    Args:
        path: a dataset.json, or the folder or URL of a dataset.

    Returns:
        The recipe, and the digest of the glyphs that it was rendered from.

    Raises:
        FormatError: there is no dataset.json, or it is damaged.
    """
    manifest = _manifest_at(path)
    return manifest.recipe, manifest.digest


def read_layout(path: str | Path) -> tuple[str, tuple[str, ...]]:
    """
    Read the format and the extra label files of a dataset.

    Args:
        path: a dataset.json, or the folder or URL of a dataset.

    Returns:
        The format and the label files, as `write_dataset` takes them.

    Raises:
        FormatError: there is no dataset.json, or it is damaged.
    """
    manifest = _manifest_at(path)
    return manifest.format, manifest.labels


def _manifest_at(path: str | Path) -> Manifest:

    storage, name = find_dataset(path)
    manifest = read_manifest(storage, name)
    if manifest is None:
        if name == MANIFEST and storage.exists(UNFINISHED):
            raise FormatError(f"the dataset in {storage.where()} is not finished", hint=RESUME_BATCH)
        raise FormatError(f"{storage.where(name)} cannot be read: No such file or directory")
    return manifest


def seed_in(out: str | Path) -> int | None:
    """
    Return the seed of the dataset in a folder, finished or not.

    Args:
        out: the folder, which need not exist.

    Returns:
        The seed, or None if there is no dataset.

    Raises:
        FormatError: the manifest is damaged.
    """
    manifest = found_manifest(open_storage(out))
    return None if manifest is None else manifest.recipe.seed

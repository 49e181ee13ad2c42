"""Pictures as files: next free name, nothing replaced, nothing half."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from digitseq import draw, make_recipe
from digitseq.errors import ArgumentError, OutputError
from digitseq.picture import save_picture


def test_names_go_on_where_the_folder_is_taken(in_folder: Path) -> None:
    assert [save_picture(b"x", "12").name for _ in range(3)] == ["12.png", "12-1.png", "12-2.png"]
    Path("12-1.png").unlink()
    assert save_picture(b"y", "12") == Path("12-1.png")
    assert Path("12.png").read_bytes() == b"x"


@pytest.mark.parametrize("force", [False, True])
def test_the_same_label_a_thousand_times_takes_few_steps(
    in_folder: Path, monkeypatch: pytest.MonkeyPatch, force: bool
) -> None:
    looks = 0

    def lexists(path: Path) -> bool:
        nonlocal looks
        looks += 1
        return path.exists()

    class Seen(set[Path]):
        def __contains__(self, path: object) -> bool:
            nonlocal looks
            looks += 1
            return super().__contains__(path)

    monkeypatch.setattr("digitseq.picture.os.path.lexists", lexists)
    written = Seen()
    for number in range(1_000):
        path = save_picture(b"x", "7", force=force, keep=written)
        assert path.name == (f"7-{number}.png" if number else "7.png")
        written.add(path)
    assert looks < 60_000  # one by one, there would be 500,000


def test_many_at_once_never_take_each_others_name(in_folder: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda k: save_picture(str(k).encode(), "7"), range(40)))
    assert len(set(paths)) == 40
    assert {path.read_bytes() for path in paths} == {str(k).encode() for k in range(40)}


def test_a_long_sequence_has_a_name_that_file_systems_take(in_folder: Path) -> None:
    path = save_picture(b"x", "1" * 5000)
    assert path.name == f"{'1' * 100}-5000-digits.png"


def test_a_name_of_another_kind_is_refused(in_folder: Path) -> None:
    for name in ("a.jpg", "a", "png"):
        with pytest.raises(ArgumentError, match=r"ending in \.png"):
            save_picture(b"x", "1", Path(name))


def test_what_the_system_refuses_is_told_with_the_path(in_folder: Path) -> None:
    Path("file").write_text("")
    for output in (Path("file/a.png"), Path("none/a.png"), Path("a" * 300 + ".png")):
        with pytest.raises(OutputError, match="cannot be written"):
            save_picture(b"x", "1", output)
    assert [path.name for path in in_folder.iterdir()] == ["file"]


def test_a_picture_draws_again_from_its_own_recipe() -> None:
    recipe = make_recipe(["12", "3456", "7"], (-2, 5), 140, seed=4, source="builtin", align="random")
    for number, picture in enumerate(draw(recipe)):
        assert picture.recipe.index == number
        (again,) = draw(picture.recipe)
        assert (again.image == picture.image).all()
        assert again.facts() == picture.facts()

"""
Golden digests of decoded pixels: the same on every platform, Python and numpy.

A digest here changes only when the randomness contract or the built-in drawing does, and then the changelog
says so. `python -m tests.test_golden` prints the table anew.
"""

import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from digitseq.api import draw, load_glyphs
from digitseq.augment.effects import EFFECTS, PRESETS
from digitseq.recipe import Recipe

_MIXED = ("3502", "0", "00000000", "9876543210", "7")

RECIPES: dict[str, dict[str, Any]] = {
    "plain": {"spacing_range": (2, 8), "image_width": 200, "seed": 42, "sequences": ("3502",) * 50},
    "natural width": {"spacing_range": (0, 5), "image_width": None, "seed": 1, "sequences": _MIXED * 10},
    "overlap": {"spacing_range": (-12, -2), "image_width": 250, "seed": 2, "sequences": _MIXED * 10},
    "tiles": {
        "spacing_range": (-6, 6),
        "image_width": 400,
        "seed": -3,
        "sequences": _MIXED * 10,
        "spacing_from": "tile",
        "align": "right",
    },
    "random place, inverted": {
        "spacing_range": (1, 1),
        "image_width": 333,
        "seed": 2**70,
        "index": 123_456_789_012,
        "sequences": _MIXED * 10,
        "align": "random",
        "invert": True,
        "split": "test",
    },
}

_ROUGH: dict[str, Any] = {"spacing_range": (-2, 8), "image_width": 360, "seed": 8, "sequences": _MIXED * 6}
RECIPES |= {f"preset {name}": _ROUGH | {"augment": name} for name in PRESETS if name != "none"}
RECIPES |= {
    f"strongest {name}": _ROUGH | {"augment": {name: (effect.low, effect.high)}}
    for name, effect in EFFECTS.items()
}
RECIPES["strongest ledger"] = _ROUGH | {"augment": {"background": 160, "backgrounds": "ledger"}}
RECIPES["contour"] = _ROUGH | {"spacing_from": "contour"}
RECIPES["one hand"] = _ROUGH | {"writer": "same"}

BUILTIN: dict[str, str] = {
    "plain": "59176864baf431bf17b72c44088f0bc6ad802784a48793ccb4731f70b7f5cbb4",
    "natural width": "46c333750bccdc033b1a297f7018958f21b8df02d9421863aa4985eb147fedca",
    "overlap": "8a22e5d4cd1421745faa2ab5115aa68b6731c27f7ba26bb83be9fae467a799a7",
    "tiles": "f058cdccf189840b615442eba2e22b33aa9c43922e9411d77a52e183dd2f266e",
    "random place, inverted": "080062ad5e3276717c9a499e04a918446b5f9406060d240f1771c77d020d9f19",
    "preset light": "dfba363f2b6a431571b66c46adc4caaa0322218656ff7857cc459187abc6094f",
    "preset medium": "11a531a601b49a6d9e5de36c14d38e87e0a1fc4927f736b7dd0fb9af5ea701f3",
    "preset heavy": "4520b8fc43884f842d7bf1f140508b37bb16c892cd8e2de4391ec327da22d61b",
    "preset touching": "6d13f0c85b30009e19cbf37605e86cf1263504cf6924a578eff2ffc79d15e463",
    "preset paper": "c896deb24617e8b94f74e709f5173bcbdcd60d35af07287d8a2f8937b920c780",
    "strongest rotate": "9ea48c9ba3c2a47745cee6ddeff135283e8aa4f1dd3a6ddb2e3196eb0c46183e",
    "strongest slant": "38a87c197cb1e8622217035642d943c5025a12d3d578b31f511ff13c4c19e613",
    "strongest scale": "03834cc870c256dae5780d229d0cb1ec1064fee60d78b748f3b0b17862d4940a",
    "strongest elastic": "cd964b2a188ab4cd8fa426cbdf1f3e9780e8bde0908acea8788451b986e0a739",
    "strongest thickness": "9a16f3d5044797a94bbde57ab9a29658db406f26228ccd3ff8bfd7bd2b83b0a0",
    "strongest shift": "41c34287d295f910a1a4e8d75401976d9fa4728c483e36188cb2fbc68249a83a",
    "strongest slope": "bfbe83e42455bd8f822af79f7538324f2e0c7470a79e4079644054ac3fb7a4c2",
    "strongest wave": "e3bae8ba04f1048f2ff8b58659ac12e9f1c08dfcd5b8ded486b5da0f6b7469bd",
    "strongest blur": "bd10a53c1bd7bf6bcec9f672e346ac8e53811bcc5d55eb0cd10c67cb4282a71e",
    "strongest contrast": "433fd8b12657ea35a1cd383b3f35b1327dd033282479056d4056403fa7141163",
    "strongest background": "3563747e7e4d24d486b8870e3e46ada2d2561c73d7b7561b78ac32045cfaeb38",
    "strongest noise": "046fc4f767388322a890088efbf318b6af7fc7758d759de731cb2146d7a1c78f",
    "strongest occlude": "9e97a23c8e9e00218bab642ca098bfea8185848414a572e1dfc15735939270b2",
    "strongest specks": "e9faa7046c240dddb3bffa09f51552a59f683f77d59bf18493169f53eefebaaa",
    "strongest negative": "960846a6bd9c087bf319638a0dcaae3c5e9fbf800dc85a9b18f2bf00cdde0f1e",
    "strongest ledger": "a822d1d2d5ef046a45a1a87eb35e692f178d21cc2d018c63b3d0caaf65dc06fe",
    "contour": "89483134917fbb9ba1481f9b7b19f07ed7562f7f9785a1f5ce10385a7aac16d4",
    "one hand": "164e5d9371b6922dd64df76e58eae8328fc83bca983d15bfeff408250a168c80",
}

MNIST: dict[str, str] = {
    "plain": "206883d064945f4f7d1370d065f5b5bf46c0273466b378f0bf8cdf48918b11b6",
    "natural width": "d63bc69a8393928a3108dccca923c14b26c0a6389b5dceee3b11f29ee4974b68",
    "overlap": "b0954208467a90303c4ebc6fa9ef0d49361d6acf6fa57a88550b0d677a0f670e",
    "tiles": "c25effba39de75e4ca39a51315d049a2330d0862b8b010b30b71ae4a10b1926a",
    "random place, inverted": "c6b1d7f7b0398b1a398e0b564d4b7ed0e44bc5aae3c1371a8206e4310095362f",
    "preset light": "2675aa74fd39b449ff8e0dab83f50c0cf54d5f628fcfc114b06de0a3c08e02e4",
    "preset medium": "adc48879a8bcf68dec7b3c5747c2cf33a1fcf973a38314b7e01367e696cafbfa",
    "preset heavy": "e6a7b114db28704fc50aa63b1908abe5a4e8f5f4688336cb5c5e2fe9d1574e56",
    "preset touching": "4168b628b86cc858a0ccf7fea4307bd82a5122a487d3659efbfa0ae9ed7eecc1",
    "preset paper": "85bac51ed6a386ba52ab37ceff8766bc62a59bde8397c01d9a5c2ed337f06024",
    "strongest rotate": "c304056e17657182ff05ff43a35d18a1154d179e3ee594c7218522fa5af89a75",
    "strongest slant": "0a44e92bbc580e5f23bf22ded741c8d351e134b29500cd3dc552e6dc3a714024",
    "strongest scale": "c888fcd2d9ebc1fe93956f09fa03b6282a006b6734337b83f746e77d428ca801",
    "strongest elastic": "267d535e32afbc55c194050d7898472f3af948df94bb7cda15d310a78d6a7e68",
    "strongest thickness": "7bd0a4f98179a92d6b80241b7b507385701fd29a2a18286ffaa368473a375fc1",
    "strongest shift": "52b2254b1b06c70ac286dba8312badf7dd873e04b4a717aefe80c16b48536dd7",
    "strongest slope": "676fb2a8ad40cc2f694aa69ec534aa6093d302da4de1f68f80d2792c1e7a54ef",
    "strongest wave": "2affd63fb76d72c1e372e62808e601217608180924809bad7de148c4dca3dbad",
    "strongest blur": "71cd2cb71d5601bfdbf17fbe2875c9a048a3bf345ed564d090a9033357571bb9",
    "strongest contrast": "870cfcd7660dab502c674b676b6ff1945d1e2f60d7279045f57f4f38406b7f51",
    "strongest background": "9e54fd83e30fe3b4ca57bc79034c0a1c7b0294f4c70a988f00dd8c360df277eb",
    "strongest noise": "ea90d1324c51f56da3495057f2ab30a905e9b8fe9dc113dbdf1f9550da992dc3",
    "strongest occlude": "759911aceb5e96fd3d6501d37828c1994913e7779ff5f8bc78dc2363f89da02d",
    "strongest specks": "1f751449126fe319e7685cd21e606d2b9912682f0b5636adb682cba804f18551",
    "strongest negative": "fed8a86a4edcf0bd56f7d16e9ce48e69caa94bea192b69e38b6df54c7b52f220",
    "strongest ledger": "e12b1fab82d6543dd8ebdecffc918472e481b1c9a6d7861a267df2cea44a7d26",
    "contour": "0cf3079476d01e765c3272debecfe30a7cca0cb9a473a98bade0c5f9adc5f757",
    "one hand": "80c6fe4812b810fab2ad9fa156ca9a64518b1347f757f9447233b0e580fc21f2",
}


def digest(name: str, source: str) -> str:
    """SHA-256 of the pixels of all images of a recipe, each led by its label and width."""
    recipe = Recipe(**RECIPES[name], source=source)
    state = sha256()
    for picture in draw(recipe):
        state.update(f"{picture.sequence} {picture.image.shape[1]} ".encode() + picture.image.tobytes())
    return state.hexdigest()


@pytest.mark.parametrize("name", RECIPES)
def test_the_built_in_digits_are_the_same_pixels_as_ever(name: str) -> None:
    assert digest(name, "builtin") == BUILTIN[name]


@pytest.mark.parametrize("name", RECIPES)
def test_mnist_is_the_same_pixels_as_ever(name: str, with_mnist: Path) -> None:
    assert load_glyphs("mnist").digest == "a08153a787784910dfa450ee7a972b9169a3edbef13bd824316eace880fcb90e"
    assert digest(name, "mnist") == MNIST[name]


if __name__ == "__main__":
    for source in ("builtin", "mnist"):
        for recipe_name in RECIPES:
            sys.stdout.write(f'{source}:     "{recipe_name}": "{digest(recipe_name, source)}",\n')

"""
Reads `--labels paddle` and `--format lmdb` with the dataset classes of MMOCR and compares labels and pixels.

Install them with `pip install mmocr==1.0.1 mmdet==3.1.0 mmcv==2.0.1 mmengine "numpy<2"`; mmcv has to be
compiled. Last run with mmocr 1.0.1 and mmcv-lite 2.0.1 on 2026-11-27.
"""

import mmocr
from made import assert_same, fails, make_dataset
from mmocr.datasets import RecogLMDBDataset, RecogTextDataset
from mmocr.utils import register_all_modules


def compare(split, dataset):
    rows = [dataset[number] for number in range(len(dataset))]
    labels = [row["instances"][0]["text"] for row in rows]
    assert_same(split, [row["img"][..., 0] for row in rows], labels)


def main():
    register_all_modules()
    folder, split = make_dataset(labels=["paddle"])
    place = {"ann_file": str(folder / "train" / "gt.txt"), "data_prefix": {"img_path": str(folder / "train")}}
    parser = {"type": "LineStrParser", "keys": ["filename", "text"], "separator": "\t"}
    pipeline = [{"type": "LoadImageFromFile"}]
    compare(split, RecogTextDataset(**place, parser_cfg=parser, pipeline=pipeline))
    # The default parser expects JSON.
    assert fails(lambda: RecogTextDataset(**place, pipeline=pipeline), ValueError)

    folder, split = make_dataset("lmdb")
    pipeline = [{"type": "mmocr.LoadImageFromNDArray"}]
    compare(split, RecogLMDBDataset(ann_file=str(folder / "train"), pipeline=pipeline))
    print("mmocr", mmocr.__version__, "ok")


if __name__ == "__main__":
    main()

"""
Trains a small random TrOCR of Transformers for 20 steps from `load_dataset` and from DigitSequences.

Labels and pixels are compared before and after its processors; nothing is downloaded. Install it with
`pip install "transformers[torch]" datasets`. Last run with transformers 5.24.0 and datasets 5.2.0 on
2026-11-27.
"""

import os

import numpy as np
import torch
from made import HEIGHT, WIDTH, assert_same, fails, make_dataset, temporary_folder

from digitseq import DigitSequences

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HOME": str(temporary_folder())}

import datasets
import transformers
from PIL import Image
from transformers import TrOCRConfig, TrOCRForCausalLM, ViTConfig, ViTImageProcessorPil, ViTModel


def make_processor():
    """Return a processor that needs no files: its tokens are bytes, and images keep their size."""
    size = {"height": HEIGHT, "width": WIDTH}
    images = ViTImageProcessorPil(size=size, do_resize=False, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    return transformers.TrOCRProcessor(image_processor=images, tokenizer=transformers.ByT5Tokenizer())


def make_model(tokenizer):
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    patches = {"image_size": [HEIGHT, WIDTH], "patch_size": [HEIGHT, 4]}
    encoder = ViTModel(ViTConfig(**sizes, **patches), add_pooling_layer=False)
    sizes = {"d_model": 32, "decoder_layers": 2, "decoder_attention_heads": 2, "decoder_ffn_dim": 64}
    sizes |= {"cross_attention_hidden_size": 32, "vocab_size": len(tokenizer)}
    model = transformers.VisionEncoderDecoderModel(
        encoder=encoder, decoder=TrOCRForCausalLM(TrOCRConfig(**sizes))
    )
    model.config.decoder_start_token_id = model.config.pad_token_id = tokenizer.pad_token_id
    return model


def main():
    folder, split = make_dataset("parquet")
    rows = datasets.load_dataset(str(folder), split="train")
    assert_same(split, rows["image"], rows["label"])
    processor = make_processor()
    tokenizer = processor.tokenizer
    # The processor wants three channels, and the images are grey.
    assert fails(lambda: processor(images=rows[0]["image"], return_tensors="pt"), ValueError)

    def collate(pairs):
        """Make a batch of pairs of image and label."""
        images = [Image.fromarray(np.asarray(image)).convert("RGB") for image, _ in pairs]
        pixels = processor(images=images, return_tensors="pt").pixel_values
        codes = tokenizer([label for _, label in pairs], padding=True, return_tensors="pt").input_ids
        return {"pixel_values": pixels, "labels": codes.masked_fill(codes == tokenizer.pad_token_id, -100)}

    everything = collate(list(split))
    pixels = torch.round((everything["pixel_values"][:, 0] * 0.5 + 0.5) * 255).to(torch.uint8)
    assert_same(split, pixels, tokenizer.batch_decode(everything["labels"], skip_special_tokens=True))

    options = {"max_steps": 20, "per_device_train_batch_size": 32, "learning_rate": 1e-3, "use_cpu": True}
    options |= {"remove_unused_columns": False, "report_to": [], "save_strategy": "no", "disable_tqdm": True}
    arguments = transformers.Seq2SeqTrainingArguments(str(temporary_folder()), **options)
    model, losses = make_model(tokenizer), []
    for data in ([(row["image"], row["label"]) for row in rows], DigitSequences(split)):
        trainer = transformers.Seq2SeqTrainer(model, arguments, train_dataset=data, data_collator=collate)
        losses.append(trainer.train().training_loss)
    assert losses[1] < losses[0]
    print("transformers", transformers.__version__, "ok")


if __name__ == "__main__":
    main()

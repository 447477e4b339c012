"""Training throughput: our batches against the bare encoder on full batches that hold no padding.

python benchmarks/training.py [CORPUS]      (default: harbour; tokens are counted without padding)
"""

import sys
import time
from dataclasses import replace

import torch

from bertsum_lite.corpus import load_corpus
from bertsum_lite.extractive import ExtractiveSummarizer
from bertsum_lite.tiers import CPU
from bertsum_lite.training import train, use_bf16

DOCUMENTS = 160


def bare_encoder(tokens: int, length: int) -> float:
    """Seconds to learn from ``tokens`` tokens in windows of ``length``, 2,048 at a time, 16 documents a step."""
    model = ExtractiveSummarizer.from_encoder()
    encoder = model.encoder.train()
    optimizer = torch.optim.Adam(encoder.parameters(), lr=1e-5)
    rows = CPU.settings.tokens_per_batch // length
    ids = torch.randint(1000, 20_000, (rows, length))
    batches = round(tokens / (rows * length))
    start = time.perf_counter()
    for batch in range(1, batches + 1):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=use_bf16("auto")):
            loss = encoder(input_ids=ids).last_hidden_state.float().pow(2).mean()
        loss.backward()
        if batch * rows % 16 < rows:
            optimizer.step()
            optimizer.zero_grad()
    return (time.perf_counter() - start) * tokens / (batches * rows * length)


def main() -> None:
    records = load_corpus(sys.argv[1] if len(sys.argv) > 1 else "harbour", "train").to_list()[:DOCUMENTS]
    model = ExtractiveSummarizer.from_encoder()
    examples = model.examples(records)
    tokens = sum(map(len, examples))
    settings = replace(CPU.settings, epochs=1)
    train(model, examples[:32], model.collate, settings)  # warm up
    start = time.perf_counter()
    train(model, examples, model.collate, settings)
    ours = tokens / (time.perf_counter() - start)
    bare = tokens / bare_encoder(tokens, round(tokens / len(examples)))
    print(f"{len(examples)} documents, {tokens:,} tokens, mean length {tokens / len(examples):.0f}")
    print(f"ours {ours:,.0f} tokens/s, the bare encoder without padding {bare:,.0f}: {ours / bare:.2f}")


if __name__ == "__main__":
    main()

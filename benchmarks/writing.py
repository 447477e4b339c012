"""Beam search: ours against transformers' ``generate`` on the same decoder, weight for weight.

python benchmarks/writing.py      (16 documents, 5 beams, 60 tokens)

Pegasus' decoder is built as ours is: LayerNorm first, fixed positions, tied token vectors. So its weights can be
ours, and what differs is the search and the cache.
"""

import math
import time

import torch
from transformers import PegasusConfig, PegasusForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

from bertsum_lite.abstractive import END, START, AbstractiveConfig, AbstractiveSummarizer
from bertsum_lite.beam_search import Search
from bertsum_lite.corpus import load_corpus
from bertsum_lite.encoding import PADDING
from bertsum_lite.layers import sinusoidal_positions

DOCUMENTS, BEAMS, TOKENS, ROUNDS = 16, 5, 60, 3
NAMES = {
    "self_norm": "self_attn_layer_norm",
    "cross_norm": "encoder_attn_layer_norm",
    "feed_forward_norm": "final_layer_norm",
    "self_attention": "self_attn",
    "cross_attention": "encoder_attn",
    "feed_forward.0": "fc1",
    "feed_forward.3": "fc2",
    "query": "q_proj",
    "key": "k_proj",
    "value": "v_proj",
    "output": "out_proj",
}


def pegasus(model: AbstractiveSummarizer) -> PegasusForConditionalGeneration:
    """A Pegasus whose decoder computes what ours computes; its encoder is never run."""
    config, hidden = model.config, model.encoder.config.hidden_size
    theirs = PegasusForConditionalGeneration(
        PegasusConfig(
            vocab_size=config.encoder["vocab_size"],
            d_model=hidden,
            max_position_embeddings=256,
            encoder_layers=1,
            encoder_ffn_dim=8,
            decoder_layers=config.decoder_layers,
            decoder_attention_heads=config.heads,
            decoder_ffn_dim=config.intermediate_size,
            activation_function="gelu",
            scale_embedding=False,
            pad_token_id=0,
            bos_token_id=START,
            eos_token_id=END,
            decoder_start_token_id=START,
        )
    ).eval()
    weights = {}
    for name, tensor in model.decoder.layers.state_dict().items():
        for ours, other in NAMES.items():
            name = name.replace(ours, other)
        weights[name] = tensor
    decoder = theirs.model.decoder
    decoder.layers.load_state_dict(weights)
    decoder.layer_norm.load_state_dict(model.decoder.norm.state_dict())
    decoder.embed_tokens.weight.data.copy_(model.decoder.embedding.weight)
    theirs.lm_head.weight.data.copy_(model.decoder.embedding.weight)
    decoder.embed_positions.weight.data.copy_(sinusoidal_positions(256, hidden) / math.sqrt(hidden))
    return theirs


@torch.inference_mode()
def main() -> None:
    torch.manual_seed(0)
    config = AbstractiveConfig(window=256)
    model = AbstractiveSummarizer.from_encoder("minilm", config).eval()
    for layer in model.decoder.layers:  # untrained attention says little: let the sources matter
        layer.cross_attention.output.weight.mul_(8)
    theirs = pegasus(model)
    theirs.generation_config.forced_eos_token_id = None
    records = load_corpus("harbour", "test").to_list()[:DOCUMENTS]
    batch = model.collate(model.examples(records))
    mask = batch["sentence_ids"] != PADDING
    memory = model.read(batch["input_ids"], batch["sentence_ids"])
    forbidden = model._never_written()
    search = Search(width=BEAMS, shortest=TOKENS, longest=TOKENS, length_penalty=0.0, block=0)

    def ours() -> list[list[int]]:
        return model._search(batch, search, torch.tensor(forbidden))

    def generate() -> list[list[int]]:
        written = theirs.generate(
            encoder_outputs=BaseModelOutput(last_hidden_state=memory),
            attention_mask=mask.long(),
            num_beams=BEAMS,
            do_sample=False,
            length_penalty=0.0,
            min_new_tokens=TOKENS,
            max_new_tokens=TOKENS,
            suppress_tokens=forbidden,
            early_stopping="never",
        )
        return written[:, 1:].tolist()

    seconds = {"ours": 0.0, "generate": 0.0}
    for _ in range(ROUNDS):  # in turns, so that both see the same machine
        for name, write in (("ours", ours), ("generate", generate)):
            start = time.perf_counter()
            result = write()
            seconds[name] += time.perf_counter() - start
            if name == "ours":
                kept = result
    same = sum(a[: TOKENS - 1] == b[: TOKENS - 1] for a, b in zip(kept, result))
    print(f"{DOCUMENTS} documents, {BEAMS} beams, {TOKENS} tokens; same sequence in {same} of {DOCUMENTS}")
    for name, total in seconds.items():
        print(f"{name:9}{DOCUMENTS * TOKENS * ROUNDS / total:8.0f} tokens/s")
    print(f"ours / generate: {seconds['generate'] / seconds['ours']:.2f}")


if __name__ == "__main__":
    main()

"""What our models share: a pre-trained encoder that reads documents, a tokenizer, saving and loading (notebook 07)."""

import os
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from torch import Tensor
from transformers import AutoTokenizer, BertConfig, BertModel, PretrainedConfig, PreTrainedModel

from bertsum_lite.backbone import MINILM, load_backbone, quiet
from bertsum_lite.encoding import PADDING, interval_segments
from bertsum_lite.storage import finish, new_folder, reading, sha256

Model = TypeVar("Model", bound="BertsumModel")
# What says where and how to look on the Hub, for weights, configuration and tokenizer alike.
HUB = ("token", "revision", "cache_dir", "local_files_only", "force_download")


class BertsumModel(PreTrainedModel):
    """A BERT that reads ``[CLS]`` per sentence, under whatever a subclass adds.

    The configuration has ``encoder`` (the BERT's own, as a dictionary), ``encoder_dropout``,
    ``interval_segments`` and ``window``.
    """

    base_model_prefix = "encoder"

    def __init__(self, config: PretrainedConfig):
        super().__init__(config)
        self.encoder = BertModel(BertConfig(**config.encoder), add_pooling_layer=False)
        self.tokenizer = None

    @classmethod
    def from_encoder(
        cls: type[Model],
        name: str = MINILM,
        config: PretrainedConfig | None = None,
        layers: int | None = None,
        **hub,
    ) -> Model:
        """A pre-trained encoder under parts that still know nothing (``torch.manual_seed`` decides them).

        Args:
            name: as ``bertsum_lite.backbone.load_backbone`` takes it; the folder of a trained model of
                ours gives that model's encoder.
            config: its ``encoder`` and ``initialized_from`` are filled in here. The latter is ``name``, or
                for a folder the SHA-256 digest of its weights.
            layers: of the encoder, counted from below, to keep; None: all.
            hub: ``revision`` and ``token``, for ``load_backbone``.
        """
        encoder, tokenizer = load_backbone(name, **hub)
        if layers is not None:
            if not 1 <= layers <= encoder.config.num_hidden_layers:
                raise ValueError(f"{name} has {encoder.config.num_hidden_layers} layers, cannot keep {layers}")
            encoder.encoder.layer = encoder.encoder.layer[:layers]
            encoder.config.num_hidden_layers = layers
        config = config or cls.config_class()
        encoder.config.hidden_dropout_prob = encoder.config.attention_probs_dropout_prob = config.encoder_dropout
        config.encoder = {k: v for k, v in encoder.config.to_diff_dict().items() if k != "_name_or_path"}
        config.initialized_from = _origin(name, hub.get("revision"))
        if config.window > encoder.config.max_position_embeddings:
            raise ValueError(
                f"window {config.window} is more than the {encoder.config.max_position_embeddings} "
                f"positions of {name}; choose a smaller one"
            )
        model = cls(config)
        model.encoder.load_state_dict(encoder.state_dict())
        model.tokenizer = tokenizer
        return model

    def init_encoder_from(self, other: "BertsumModel") -> None:
        """Take over the encoder that ``other`` has trained.

        Raises:
            ValueError: if it is of another size.
        """
        try:
            self.encoder.load_state_dict(other.encoder.state_dict())
        except RuntimeError as error:
            raise ValueError(f"the encoders differ: {error}") from error

    def read(self, input_ids: Tensor, sentence_ids: Tensor, encoder: BertModel | None = None) -> Tensor:
        """Encode windows (batch, tokens) → (batch, tokens, hidden), by default with the model's ``encoder``."""
        segments = interval_segments(sentence_ids) if self.config.interval_segments else torch.zeros_like(input_ids)
        mask = (sentence_ids != PADDING).long()
        encoder = encoder or self.encoder
        return encoder(input_ids=input_ids, attention_mask=mask, token_type_ids=segments).last_hidden_state

    def save_pretrained(self, save_directory: str | os.PathLike, **kwargs) -> None:
        """Write weights (safetensors), configuration and tokenizer; an older folder is replaced only at the end."""
        with new_folder(save_directory) as folder, quiet():
            super().save_pretrained(folder, **kwargs)
            if self.tokenizer is not None:
                self.tokenizer.save_pretrained(folder)

    @classmethod
    def from_pretrained(cls: type[Model], name: str | os.PathLike, **kwargs) -> Model:
        """Load a trained model and its tokenizer from a folder or the Hub.

        Args:
            kwargs: as transformers takes them: ``dtype`` for the weights; ``token``, ``revision``, ``cache_dir``
                and ``local_files_only`` for the Hub.

        Raises:
            ValueError: if a file is damaged, or the folder holds another kind of model.
            OSError: if there is no such folder and no such model on the Hub.
        """
        hub = {key: kwargs[key] for key in HUB if key in kwargs}
        with reading(name), quiet():
            found = model_type(name, **hub)
            if found != cls.config_class.model_type:
                raise ValueError(f"{name} holds a model of type {found!r}, not {cls.config_class.model_type!r}")
            try:
                model, info = super().from_pretrained(name, use_safetensors=True, output_loading_info=True, **kwargs)
            except SafetensorError as error:
                raise ValueError(f"the weights in {name} are damaged ({error}); copy the folder again") from error
            if missing := sorted(info["missing_keys"]):
                # transformers would fill them with random numbers and say so in a log
                raise ValueError(f"the weights in {name} lack {', '.join(missing)}; copy the folder again")
            model.tokenizer = AutoTokenizer.from_pretrained(name, **hub)
        return model


def model_type(name: str | os.PathLike, **hub) -> str | None:
    """The kind of model in a folder or on the Hub (``hub``: ``token``, ``revision``, …).

    Raises:
        OSError: if there is none.
    """
    finish(name)
    try:
        return PretrainedConfig.get_config_dict(name, **hub)[0].get("model_type")
    except OSError as error:
        raise OSError(f"there is no model {str(name)!r}: not a folder here, nor reachable on the Hub") from error


def _origin(name: str, revision: str | None) -> str:
    """Which encoder that was, without the path of anybody's folder."""
    if name != MINILM and Path(name).is_dir():
        return "sha256:" + sha256(*sorted(Path(name).glob("*.safetensors")))[:16]
    return f"{name}@{revision}" if revision else name

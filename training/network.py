"""The Keras model whose graph takes raw features: imputation, normalisation and look-ups are layers inside it.

One network, three views that share every weight:

- `logits`, what training works on: codes in, logits out;
- `inner`, for LiteRT: codes in, probabilities out;
- `full`, for the SavedModel: raw strings in, probabilities out.
"""

import math
from dataclasses import dataclass
from typing import Any

from driftline.spec.features import TextFeature
from driftline.spec.stream import StreamSpec
from driftline.spec.training import NetworkSpec
from training.preprocessing import Preprocessing
from training.runtime import keras, tf
from training.transform_layers import columns_of, cycles, transform

# Normalised values are cut here: a sensor's spike of 10^6 deviations says 'far off', and saying it a hundred thousand
# times louder would only blow up the gradient. At 3 the tails of healthy sensors would be cut; at 100 spikes rule.
CLIP = 10.0
# Up to this many categories are one-hot; beyond it an embedding has fewer weights than the first layer's would be.
ONE_HOT_UP_TO = 24
# Below every weight of an embedding, so that padding is never the maximum.
PADDING = 1e6


@dataclass(frozen=True, slots=True)
class Network:
    """The views of one network, and what it was built with."""

    preprocessing: Preprocessing
    logits: Any
    inner: Any


def build(spec: StreamSpec, preprocessing: Preprocessing) -> Network:
    """A network with fresh weights; seed Keras first (`keras.utils.set_random_seed`) to have the same ones again.

    The head: K softmax units for multiclass, 1 sigmoid for binary, K sigmoids for multilabel.
    """
    inputs: dict[str, Any] = {}
    parts: list[Any] = []
    if spec.numeric:
        inputs["numeric"] = keras.Input((len(spec.numeric),), dtype="float32", name="numeric")
        parts += _numeric(inputs["numeric"], spec, preprocessing)
    if spec.categorical:
        inputs["categorical"] = keras.Input((len(spec.categorical),), dtype="int32", name="categorical")
        for i, feature in enumerate(spec.categorical):
            parts.append(_category(inputs["categorical"][:, i], len(feature.categories), f"category_{i}"))
    for i, text in enumerate(preprocessing.look_ups.texts):
        name = f"tokens_{i}"
        inputs[name] = keras.Input((text.sequence_length,), dtype="int32", name=name)
        parts += _text(inputs[name], len(text.vocabulary), spec.text[i], f"text_{i}")
    hidden = keras.layers.Concatenate(name="features")(parts) if len(parts) > 1 else parts[0]
    for i, width in enumerate(spec.training.network.hidden):
        hidden = _hidden(hidden, width, spec.training.network, i)
    units = 1 if spec.task == "binary" else len(spec.classes)
    logits = keras.layers.Dense(units, name="logits", kernel_regularizer=_penalty(spec.training.network))(hidden)
    activation = "softmax" if spec.task == "multiclass" else "sigmoid"
    probabilities = keras.layers.Activation(activation, name="probabilities")(logits)
    return Network(preprocessing, keras.Model(inputs, logits), keras.Model(inputs, probabilities))


def _hidden(x: Any, width: int, settings: NetworkSpec, i: int) -> Any:
    """One dense layer. Batch normalization stands before the activation, as in Ioffe and Szegedy (ICML 2015), 3.2."""
    if settings.batch_normalization:
        # The normalization's own offset takes the place of the bias.
        x = keras.layers.Dense(width, use_bias=False, name=f"hidden_{i}", kernel_regularizer=_penalty(settings))(x)
        x = keras.layers.BatchNormalization(name=f"normal_{i}", momentum=0.9)(x)
        x = keras.layers.Activation(settings.activation, name=f"activation_{i}")(x)
    else:
        x = keras.layers.Dense(
            width, activation=settings.activation, name=f"hidden_{i}", kernel_regularizer=_penalty(settings)
        )(x)
    return keras.layers.Dropout(settings.dropout, name=f"dropout_{i}")(x) if settings.dropout else x


def _penalty(settings: NetworkSpec) -> Any:
    return keras.regularizers.L1L2(settings.l1, settings.l2) if settings.l1 or settings.l2 else None


def full_model(network: Network) -> Any:
    """The view that takes raw strings.

    Inputs by name: `numeric` float32 [n, N], `categorical` string [n, C], `text` string [n, T], those that the stream
    has; a missing string is the empty one. Output: probabilities float32 [n, K], or [n, 1] for binary.
    """
    return _Full(network)


class _Full(keras.Model):  # type: ignore[misc]
    def __init__(self, network: Network) -> None:
        super().__init__(name="full")
        self._inner = network.inner
        look_ups = network.preprocessing.look_ups
        self._categories = [_string_look_up(categories) for categories in look_ups.categories]
        self._vectorizers = [
            keras.layers.TextVectorization(
                vocabulary=list(text.vocabulary),
                output_sequence_length=text.sequence_length,
                ngrams=None if text.ngrams == 1 else text.ngrams,
                name=f"vectorize_{i}",
            )
            for i, text in enumerate(look_ups.texts)
        ]

    def call(self, inputs: dict[str, Any], training: bool = False) -> Any:
        coded: dict[str, Any] = {}
        if "numeric" in inputs:
            coded["numeric"] = inputs["numeric"]
        if self._categories:
            codes = [look_up(inputs["categorical"][:, i]) for i, look_up in enumerate(self._categories)]
            coded["categorical"] = tf.cast(tf.stack(codes, axis=1), tf.int32)
        for i, vectorize in enumerate(self._vectorizers):
            coded[f"tokens_{i}"] = tf.cast(vectorize(inputs["text"][:, i]), tf.int32)
        return self._inner(coded, training=training)


def _numeric(raw: Any, spec: StreamSpec, preprocessing: Preprocessing) -> list[Any]:
    ops = keras.ops
    missing = ops.isnan(raw)
    transformed = transform(raw, spec.numeric, preprocessing.bounds)
    filled = ops.where(missing, ops.convert_to_tensor(preprocessing.mean[None, :]), transformed)
    normal = keras.layers.Normalization(mean=preprocessing.mean, variance=preprocessing.variance, name="normalization")(
        filled
    )
    # A cyclic column gives sine and cosine instead, which are of size 1 already.
    lines = [j for j, feature in enumerate(spec.numeric) if feature.transform != "cyclic"]
    parts = []
    if lines:
        parts.append(columns_of(ops.clip(normal, -CLIP, CLIP), lines, len(spec.numeric)))
    if len(lines) < len(spec.numeric):
        parts += cycles(raw, missing, spec.numeric)
    if preprocessing.indicators:
        parts.append(ops.take(ops.cast(missing, "float32"), list(preprocessing.indicators), axis=1))
    return parts


def _category(codes: Any, categories: int, name: str) -> Any:
    """Unknown and missing (code 0) are the zero vector, so that a stream which first meets them in service gets the
    answer of the other features, and not that of weights which were never trained."""
    ops = keras.ops
    if categories <= ONE_HOT_UP_TO:
        return ops.one_hot(codes, categories + 1)[:, 1:]
    vectors = keras.layers.Embedding(categories + 1, embedding_width(categories), name=name)(codes)
    return vectors * ops.expand_dims(ops.cast(codes > 0, "float32"), -1)


def embedding_width(categories: int) -> int:
    """Width of the embedding of a feature with so many categories: round(1.6 n^0.56), at most 64.

    The rule of thumb of fastai's tabular learner (Howard and Gugger, "fastai: A Layered API for Deep Learning",
    Information 11(2):108, 2020).
    """
    return min(64, round(1.6 * math.pow(categories, 0.56)))


def _text(tokens: Any, vocabulary: int, feature: TextFeature, name: str) -> list[Any]:
    """Mean of the token vectors, and their maximum if asked for, padding left out; of a missing text, zeros."""
    ops = keras.ops
    vectors = keras.layers.Embedding(vocabulary + 2, feature.width, name=name)(tokens)
    mask = ops.expand_dims(ops.cast(tokens > 0, "float32"), -1)
    parts = [ops.sum(vectors * mask, axis=1) / ops.maximum(ops.sum(mask, axis=1), 1.0)]
    if feature.pooling == "mean-and-max":
        highest = ops.max(vectors * mask - (1.0 - mask) * PADDING, axis=1)
        parts.append(highest * ops.max(mask, axis=1))
    return parts


def _string_look_up(categories: tuple[str, ...]) -> Any:
    # The token for 'unknown' heads the layer's vocabulary; were it also a category, the two would be one.
    unknown = "[UNK]"
    while unknown in categories:
        unknown += "?"
    return keras.layers.StringLookup(vocabulary=list(categories), oov_token=unknown, num_oov_indices=1)

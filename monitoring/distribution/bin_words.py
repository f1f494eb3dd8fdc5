"""What a bin of a reference holds, in words."""

from collections.abc import Sequence

from driftline.registry.reference import CategoricalReference, FeatureReference
from monitoring.distribution.blame import interval


def feature_words(feature: FeatureReference, index: int) -> str:
    """A bin of a feature, the missing last: 'f1 missing', 'site "north"', 'f1 above 3.2'."""
    if index == len(feature.counts):
        return f"{feature.name} missing"
    if not isinstance(feature, CategoricalReference):
        return f"{feature.name} {interval(feature.edges, index)}"
    if index == len(feature.categories):
        return f"{feature.name} of unknown categories"
    return f'{feature.name} "{feature.categories[index]}"'


def answer_words(classes: Sequence[str], edges: Sequence[float], variable: int, index: int) -> str:
    """A bin of the class mix (variable 0) or of the confidences (variable 1)."""
    if variable == 0:
        return f'answers "{classes[index]}"'
    bounds = [0.0, *edges, 1.0]
    return f"confidence {bounds[index]:.2g} to {bounds[index + 1]:.2g}"

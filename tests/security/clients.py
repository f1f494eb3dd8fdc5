"""The client libraries that the wire is tested with."""

from typing import get_args

from driftline.spec.sections import KafkaSpec

CLIENTS = [name for name in get_args(KafkaSpec.model_fields["client"].annotation) if name != "auto"]
"""All that a specification may name."""

"""The versions there are, as the page shows them."""

from collections.abc import Sequence
from typing import Any

from driftline.registry.manifest import Manifest

# Versions on the page; the registry may hold more.
SHOWN = 50


def versions_shown(
    champion: int | None, previous: int | None, manifests: Sequence[Manifest], trouble: str
) -> dict[str, Any]:
    """The section of the versions.

    Parameters
    ----------
    champion, previous : the version in service, and the one before it.
    manifests : oldest first.
    trouble : why the registry cannot be read; empty if it can.
    """
    return {
        "champion": champion,
        "previous": previous,
        "trouble": trouble,
        "versions": [_version(manifest) for manifest in reversed(manifests[-SHOWN:])],
        "total": len(manifests),
    }


def _version(manifest: Manifest) -> dict[str, Any]:
    verdict = manifest.verdict
    return {
        "version": manifest.version,
        "at": manifest.created_at,
        "rows": manifest.data.rows,
        "source": manifest.data.source,
        "accuracy": verdict.candidate.accuracy,
        "macro_f1": verdict.candidate.macro_f1,
        "before": verdict.champion.accuracy if verdict.champion else None,
        "p_value": verdict.p_value,
        "promoted": verdict.promoted,
        "reasons": list(verdict.reasons),
        "replaced": manifest.replaced_version,
        "job": manifest.job_id,
        "event": manifest.drift_event_id,
        "runtime": manifest.runtime,
    }

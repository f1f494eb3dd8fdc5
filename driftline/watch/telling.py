"""The loop's records as one sentence each, for people."""

from driftline.records.loop import DriftEvent, ModelEvent, ModelEventKind, RetrainingJob


def tell(record: DriftEvent | RetrainingJob | ModelEvent) -> str:
    """What a record of the loop says. A drift event has several: opened, updated, closed.

    >>> tell(ModelEvent(event_id="e", stream="s", kind="promoted", version=2, previous_version=1, at=0))
    'version 2 promoted, replacing version 1'
    """
    if isinstance(record, DriftEvent):
        if record.state == "closed":
            return f"{record.kind} drift closed: {record.summary}"
        again = ", updated" if record.state == "updated" else ""
        return f"{record.kind} drift ({record.severity}{again}): {record.summary}"
    if isinstance(record, RetrainingJob):
        what = {
            "recall": "look into the archive",
            "rollback": f"rollback to version {record.target_version}",
            "continue": "training from the weights in service",
        }.get(record.action, "retraining")
        return f"{what} asked for by the {record.requested_by}, on {record.labelled_records} labelled records"
    because = f": {'; '.join(record.reasons)}" if record.reasons else ""
    took = f" after {record.seconds:.1f} s" if record.seconds else ""
    verb = {
        ModelEventKind.PROMOTED: "promoted",
        ModelEventKind.RECALLED: "recalled from the archive",
        ModelEventKind.ROLLED_BACK: "put back into service",
        ModelEventKind.REFUSED: "refused",
        ModelEventKind.FAILED: "training failed",
    }[record.kind]
    if record.kind is ModelEventKind.FAILED:
        verb = f"{record.action} failed" if record.action in ("recall", "rollback") else verb
        return f"{verb}{took}{because}"
    replacing = f", replacing version {record.previous_version}" if record.previous_version else ""
    if record.kind is ModelEventKind.REFUSED:
        verb = {"recall": "nothing recalled", "rollback": "not rolled back"}.get(
            record.action or "", "candidate refused"
        )
        return f"{verb}{took}{because}"
    return f"version {record.version} {verb}{replacing}{took}{because}"

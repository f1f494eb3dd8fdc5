"""The page of a model card."""

from datetime import UTC, datetime

from driftline.model_card.pictures import all_pictures
from driftline.pages.page import Cell, Page, Tone
from driftline.registry.card import Card
from driftline.registry.manifest import Evaluation, Manifest

FIGURES = (
    "accuracy", "balanced_accuracy", "macro_f1", "micro_f1", "weighted_f1", "precision", "recall", "roc_auc", "pr_auc",
    "log_loss", "brier", "kappa", "hamming_loss", "calibration_error",
)  # fmt: skip
NO_CARD = (
    "This version was stored without card.json: it was made before there were model cards. What its manifest says is "
    "here; curves, calibration, importance and layers are not."
)
# From here on a layer has so many units that never answer that a smaller one would do.
DEAD = 0.5


def card_page(manifest: Manifest, card: Card | None, *, in_service: bool = False) -> Page:
    """Everything that the registry knows of a version.

    Parameters
    ----------
    card : None of a version that has none.
    in_service : whether it is the champion.
    """
    made = datetime.fromtimestamp(manifest.created_at / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    state = "in service" if in_service else "not in service"
    page = Page(
        f"{manifest.stream}, version {manifest.version}",
        f"{manifest.task}, {len(manifest.classes)} classes; trained {made} on {manifest.data.rows:,} rows; {state}.",
    )
    verdict = manifest.verdict
    page.findings([(_tone(verdict.promoted), reason) for reason in verdict.reasons])
    if card is None:
        page.findings([("warn", NO_CARD)])
    _figures(page, manifest)
    pictures = list(all_pictures(manifest, card))
    for section in ("Answers", "What it listens to", "Training"):
        if card is None and section == "What it listens to":
            continue
        page.section(section)
        for where, picture in pictures:
            if where == section:
                page.picture(picture)
        if section == "Answers":
            _answers(page, manifest, card)
        elif section == "What it listens to":
            _importance(page, card)
        else:
            _training(page, manifest, card)
    _origin(page, manifest)
    _forms(page, manifest)
    return page


def _tone(promoted: bool) -> Tone:
    return "good" if promoted else "warn"


def _figures(page: Page, manifest: Manifest) -> None:
    verdict = manifest.verdict
    shown: dict[str, Evaluation] = {"this version": verdict.candidate}
    if verdict.champion is not None:
        shown["the model in service then"] = verdict.champion
    shown |= manifest.baselines
    rows: list[list[Cell]] = []
    for name in FIGURES:
        values = [getattr(evaluation, name) for evaluation in shown.values()]
        if any(value is not None for value in values):
            cells = [_with_interval(name, evaluation) for evaluation in shown.values()]
            rows.append([name.replace("_", " "), *cells])
    refit = " The weights that are served saw these rows afterwards (refit)." if manifest.data.refitted else ""
    page.section(
        "Figures",
        f"On the same {verdict.candidate.rows:,} held-out rows, with 95 % bootstrap intervals where they were "
        f"computed.{refit}",
    )
    page.table(["figure", *(name.replace("_", " ") for name in shown)], rows)
    if verdict.p_value is not None:
        page.paragraph(f"Paired test against the model in service then: p = {verdict.p_value:.3g}.")


def _with_interval(name: str, evaluation: Evaluation) -> str:
    value = getattr(evaluation, name)
    if value is None:
        return "–"
    interval = evaluation.intervals.get(name)
    return f"{value:.3f}" + (f" ({interval[0]:.3f}–{interval[1]:.3f})" if interval else "")


def _answers(page: Page, manifest: Manifest, card: Card | None) -> None:
    page.table(
        ["class", "rows", "precision", "recall", "F1", "ROC-AUC", "PR-AUC"],
        [
            [one.name, one.rows, one.precision, one.recall, one.f1, one.roc_auc, one.pr_auc]
            for one in manifest.verdict.candidate.classes
        ],
        "By class, the others taken together as its opposite.",
    )
    if manifest.thresholds:
        classes = manifest.classes if len(manifest.thresholds) > 1 else manifest.classes[-1:]
        page.table(["class", "holds from probability"], zip(classes, manifest.thresholds[-len(classes) :], strict=True))
    if card is not None:
        page.table(
            ["class", "rightly yes", "wrongly yes", "wrongly no", "rightly no"],
            [
                [one.name, one.true_positive, one.false_positive, one.false_negative, one.true_negative]
                for one in card.decisions
            ],
            "Decisions on held-out rows.",
        )


def _importance(page: Page, card: Card | None) -> None:
    if card is None:
        return
    found = card.permutation
    rows: list[list[Cell]] = [[one.name, one.log_loss, one.log_loss_spread, one.accuracy] for one in found.features]
    page.table(["feature", "rise of log loss", "± spread", "fall of accuracy"], rows, most=50)
    if found.left_out:
        page.paragraph(f"{found.left_out:,} further features, which alone say least of the label, were not measured.")


def _training(page: Page, manifest: Manifest, card: Card | None) -> None:
    if card is not None and card.layers:
        page.table(
            ["layer", "units", "mean", "std", "zeros", "dead units"],
            [[one.name, one.units, one.mean, one.std, f"{one.zeros:.1%}", f"{one.dead:.1%}"] for one in card.layers],
            "What the hidden layers put out on held-out rows; a dead unit is 0 on all of them.",
        )
        page.findings(
            [
                ("warn", f"{one.name}: {one.dead:.0%} of its {one.units} units are dead; a narrower layer would do")
                for one in card.layers
                if one.dead >= DEAD
            ]
        )
    page.table(["stage", "seconds"], list(manifest.seconds.items()), "Where the time went.")


def _origin(page: Page, manifest: Manifest) -> None:
    data = manifest.data
    rows: list[list[Cell]] = [
        ["source", data.source],
        ["rows", f"{data.rows:,}"],
        ["first and last record", f"{data.first_record_id or '–'} … {data.last_record_id or '–'}"],
        ["job", manifest.job_id],
        ["drift event", manifest.drift_event_id],
        ["replaced version", str(manifest.replaced_version) if manifest.replaced_version else None],
        ["fingerprint of task and features", manifest.model_hash],
        ["seed", str(manifest.seed)],
        ["libraries", ", ".join(f"{name} {version}" for name, version in manifest.libraries.items())],
    ]
    page.section("Where it comes from")
    page.table(["", ""], rows)
    if data.window is not None:
        page.code(data.window.model_dump_json(indent=2))


def _forms(page: Page, manifest: Manifest) -> None:
    page.section("Forms", f"Consumers run: {manifest.runtime}.")
    rows: list[list[Cell]] = []
    for name, form in manifest.exports.items():
        parity = form.parity
        rows.append(
            [
                name,
                form.file,
                round(form.bytes / 1024, 1),
                parity.largest_difference if parity else None,
                parity.decisions_changed if parity else None,
                parity.rows if parity else None,
                form.refused or "",
            ]
        )
    header = ["form", "file", "KiB", "largest difference", "answers changed", "of rows", "refused because"]
    page.table(header, rows, "Compared with TensorFlow on real rows.")
    if (taken := manifest.latency) is not None:
        page.paragraph(
            f"Scoring took {taken.alone_us:.0f} µs for a record alone, and {taken.batch_us:.2f} µs for each of a batch "
            f"of {taken.batch_rows:,} (median, on the machine that trained it)."
        )

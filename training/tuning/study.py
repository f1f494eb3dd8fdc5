"""The search's memory: an Optuna study in a file of JSON lines, which a second run goes on from."""

import hashlib
import json
from pathlib import Path
from typing import Any

from driftline.errors import UsageError
from driftline.spec.stream import StreamSpec
from training.data import Dataset
from training.tuning.space import Dimension, current_settings

# Epochs before which no trial is given up: the first ones say more of the step size than of the network.
WARM_UP_EPOCHS = 5
# Trials that run to their end before any is judged by their median.
WARM_UP_TRIALS = 4


def require() -> Any:
    """Optuna, silenced.

    Raises
    ------
    UsageError : it is not installed.
    """
    try:
        import optuna
    except ModuleNotFoundError:
        raise UsageError(
            "driftline tune: optuna is not installed; it comes with pip install 'driftline[tune]'"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def study_name(spec: StreamSpec, dataset: Dataset, dimensions: tuple[Dimension, ...]) -> str:
    """The stream's name, and a fingerprint of all that a trial's value depends on.

    With other rows, other settings beside the searched ones, or another space, values are not comparable, and the same
    file holds another study.
    """
    settings = spec.training.model_dump(mode="json", exclude={"tuning", "export", "timeout_seconds"})
    digest = hashlib.sha256()
    for part in (
        spec.model_hash,
        json.dumps(settings, sort_keys=True),
        repr(dimensions),
        json.dumps(dataset.record_ids),
        dataset.labels.tobytes(),
        dataset.columns.numeric.tobytes(),
        json.dumps(dataset.columns.categorical.tolist()),
        json.dumps(dataset.columns.text.tolist()),
    ):
        digest.update(part if isinstance(part, bytes) else part.encode())
    return f"{spec.stream}-{digest.hexdigest()[:12]}"


def open_study(spec: StreamSpec, file: Path, name: str, dimensions: tuple[Dimension, ...]) -> Any:
    """The study `name` in `file`, made if there is none; a trial that a killed run left open is closed.

    The first trial of a study is the baseline: the current settings.

    Raises
    ------
    UsageError : the file is not a study's, or cannot be read or written.
    """
    optuna = require()
    try:
        # Opened first, so that what cannot be written is said by the file system and not by the library.
        with file.open("a", encoding="utf-8"):
            pass
        storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(file)))
        study = optuna.create_study(
            study_name=name, storage=storage, load_if_exists=True, direction="minimize", pruner=_pruner(spec, optuna)
        )
    except OSError as error:
        raise UsageError(f"--study {file}: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, AssertionError):
        raise UsageError(f"--study {file}: not the file of a search; name one that does not exist yet") from None
    states = optuna.trial.TrialState
    for trial in study.get_trials(states=(states.RUNNING,)):
        study.tell(trial.number, state=states.FAIL)
    first = [trial for trial in study.get_trials(states=(states.WAITING, states.COMPLETE)) if is_baseline(trial)]
    if not first:
        parameters = {dimension.path: dimension.current_parameter() for dimension in dimensions}
        study.enqueue_trial(
            {path: value for path, value in parameters.items() if value is not None},
            user_attrs={"baseline": True, "settings": current_settings(spec, dimensions)},
        )
    return study


def is_baseline(trial: Any) -> bool:
    """Whether a trial is that of the current settings."""
    return bool(trial.user_attrs.get("baseline"))


def seed_next(spec: StreamSpec, study: Any) -> None:
    """Seed the sampler for the next trial by the trial's number.

    So a search that was interrupted draws what it would have drawn, instead of its first trials once more.
    """
    optuna = require()
    seed = spec.training.seed + len(study.get_trials(deepcopy=False))
    if spec.training.tuning.sampler == "random":
        study.sampler = optuna.samplers.RandomSampler(seed=seed)
    else:
        study.sampler = optuna.samplers.TPESampler(seed=seed)


def _pruner(spec: StreamSpec, optuna: Any) -> Any:
    match spec.training.tuning.pruning:
        case "median":
            return optuna.pruners.MedianPruner(n_startup_trials=WARM_UP_TRIALS, n_warmup_steps=WARM_UP_EPOCHS)
        case "hyperband":
            return optuna.pruners.HyperbandPruner(
                min_resource=WARM_UP_EPOCHS, max_resource=max(spec.training.epochs, WARM_UP_EPOCHS + 1)
            )
        case _:
            return optuna.pruners.NopPruner()

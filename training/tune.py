"""`driftline tune`: trials of other settings on the training part, and the best of them on rows that chose nothing."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from driftline.errors import UsageError
from driftline.model.answers import Decision
from driftline.registry.manifest import Evaluation
from driftline.spec.stream import StreamSpec
from training.data import Codes, Dataset
from training.evaluate import correct, evaluate, mcnemar
from training.fit import VALIDATION, Epoch, fit
from training.runtime import keras
from training.splits import split
from training.tuning.space import Dimension, current_settings, read_space, with_settings
from training.tuning.study import is_baseline, open_study, require, seed_next, study_name
from training.usable import usable


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial, as the report tells it.

    Attributes
    ----------
    state : 'pruned' was behind and given up; 'failed' says in `error` why.
    value : the objective on the validation rows, smaller is better; None unless complete.
    epochs : passes that were run.
    """

    number: int
    state: Literal["complete", "pruned", "failed"]
    settings: dict[str, Any]
    value: float | None
    epochs: int
    seconds: float
    baseline: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a search came to.

    Attributes
    ----------
    objective : what was minimised on the validation rows.
    resumed : trials that were in the study before.
    seconds : of this run.
    held_out : best and baseline, each fitted afresh on the training part, on the held-out rows; looked at once.
    p_value : one-sided exact McNemar test that the best is right more often than the baseline there.
    """

    study: str
    objective: str
    resumed: int
    seconds: float
    best: Trial
    baseline: Trial
    history: tuple[Trial, ...]
    held_out: dict[str, Evaluation]
    p_value: float

    @property
    def gain(self) -> float:
        """By how much the best beats the current settings in the objective; 0 if it does not."""
        assert self.best.value is not None and self.baseline.value is not None
        return self.baseline.value - self.best.value


Progress = Callable[[int, Epoch | Trial], None]
"""Told of each epoch of the trial with that number, and of the trial once it is over."""


def tune(
    spec: StreamSpec,
    dataset: Dataset,
    file: Path,
    *,
    trials: int | None = None,
    seconds: float | None = None,
    progress: Progress = lambda number, news: None,
) -> Tuned:
    """Search until the study holds `trials` trials or `seconds` are over, and measure the best on the held-out rows.

    Parameters
    ----------
    dataset : all rows; those that a training would hold out (`training.holdout`, `training.split`) are held out of the
        search.
    file : the study's file; a search that it holds is gone on with.
    trials, seconds : instead of `training.tuning`'s; trials are counted with those of earlier runs, the first is
        the current settings and always runs to its end.

    Notes
    -----
    Every trial is fitted on part of the training rows; the rows that `fit` keeps back stop it, and give its value:
    their mean log loss, whatever the loss it was fitted by, or 1 - macro F1 with `training.monitor: f1`. Pruning
    compares the losses that the fit reports epoch by epoch, and is off where the space changes the loss itself.

    Tree-structured Parzen estimator: Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NIPS 2011.
    Hyperband: Li et al., JMLR 18 (2018) 1-52. Median: Golovin et al., "Google Vizier", KDD 2017.

    Raises
    ------
    UsageError : the space or the study's file cannot be used, the current settings cannot be fitted, or too few rows.
    """
    optuna = require()
    dimensions = read_space(spec)
    older, held_out = split(spec, dataset, spec.training.holdout)
    older, _ = usable(spec, older)
    study_id = study_name(spec, dataset, dimensions)
    study = open_study(spec, file, study_id, dimensions)
    most = spec.training.tuning.trials if trials is None else trials
    started = time.monotonic()
    deadline = started + (spec.training.tuning.seconds if seconds is None else seconds)
    resumed = len(_finished(study))
    prunes = not any(dimension.path.startswith("loss.") for dimension in dimensions)
    while (done := _finished(study)) == [] or (len(done) < most and time.monotonic() < deadline):
        seed_next(spec, study)
        trial = study.ask()
        run = _Run(spec, older, trial, dimensions, prunes, deadline, progress)
        if (finished := run.finish(study, optuna)) is not None:
            progress(trial.number, finished)
    elapsed = time.monotonic() - started
    history = tuple(_finished(study))
    baseline = next(trial for trial in history if trial.baseline)
    # Of equal ones the earliest, so that the current settings stay unless something beats them.
    best = min((trial for trial in history if trial.value is not None), key=lambda trial: (trial.value, trial.number))
    measured: dict[str, Evaluation] = {}
    right: dict[str, NDArray[np.bool_]] = {}
    for name, trial in (("baseline", baseline), ("best", best)):
        if name == "best" and best is baseline:
            measured[name], right[name] = measured["baseline"], right["baseline"]
            break
        settings = with_settings(spec, trial.settings)
        fitted = fit(settings, older)
        probabilities, decision = fitted.score(held_out.columns), fitted.decision(settings)
        measured[name] = evaluate(settings, probabilities, held_out.labels, decision)
        right[name] = correct(decision.codes(probabilities), held_out.labels)
    return Tuned(
        study=study_id,
        objective="1 - macro F1" if spec.training.monitor == "f1" else "log loss",
        resumed=resumed,
        seconds=round(elapsed, 3),
        best=best,
        baseline=baseline,
        history=history,
        held_out=measured,
        p_value=mcnemar(right["best"], right["baseline"]),
    )


class _OutOfTime(Exception):
    pass


class _Run:
    """One trial: its settings fitted and measured, or given up."""

    def __init__(
        self,
        spec: StreamSpec,
        older: Dataset,
        trial: Any,
        dimensions: tuple[Dimension, ...],
        prunes: bool,
        deadline: float,
        progress: Progress,
    ) -> None:
        self._baseline = is_baseline(trial)
        # The current settings may lie outside the space; what does is not asked for.
        drawn = [d for d in dimensions if not self._baseline or d.current_parameter() is not None]
        suggested = {dimension.path: dimension.suggest(trial) for dimension in drawn}
        self._settings = current_settings(spec, dimensions) if self._baseline else suggested
        trial.set_user_attr("settings", self._settings)
        self._spec, self._older, self._trial = spec, older, trial
        self._prunes = prunes and not self._baseline
        self._deadline, self._progress = deadline, progress
        self._epochs, self._started = 0, time.monotonic()

    def finish(self, study: Any, optuna: Any) -> Trial | None:
        """Run the trial and tell the study; None if its time ran out, which counts as no trial."""
        states = optuna.trial.TrialState
        state, value, error = states.FAIL, None, ""
        try:
            value = self._value()
            state = states.COMPLETE
        except optuna.TrialPruned:
            state = states.PRUNED
        except _OutOfTime:
            study.tell(self._trial, state=states.FAIL)
            return None
        except UsageError as refused:
            if self._baseline:
                raise
            error = str(refused)
        if value is not None and not np.isfinite(value):
            if self._baseline:
                raise UsageError("driftline tune: the current settings give a loss that is no number")
            state, value, error = states.FAIL, None, "the loss is no number"
        self._trial.set_user_attr("epochs", self._epochs)
        self._trial.set_user_attr("seconds", round(time.monotonic() - self._started, 3))
        if state == states.FAIL:
            self._trial.set_user_attr("error", error)
        study.tell(self._trial, value, state=state)
        # Each trial leaves a graph behind; hundreds of them are gigabytes.
        keras.backend.clear_session()
        return next(trial for trial in _finished(study) if trial.number == self._trial.number)

    def _value(self) -> float:
        settings = with_settings(self._spec, self._settings)
        fitted = fit(settings, self._older, self._epoch)
        # The very rows that the fit kept back: any others it may have learnt from.
        _, validation = split(settings, self._older, VALIDATION, validation=True)
        return objective(settings, fitted.score(validation.columns), validation.labels)

    def _epoch(self, epoch: Epoch) -> None:
        self._epochs = epoch.epoch
        self._progress(self._trial.number, epoch)
        if time.monotonic() > self._deadline and not self._baseline:
            raise _OutOfTime
        if epoch.val_loss is None:
            return
        self._trial.report(epoch.val_loss, epoch.epoch)
        if self._prunes and self._trial.should_prune():
            raise require().TrialPruned


def objective(spec: StreamSpec, probabilities: NDArray[np.float32], labels: Codes) -> float:
    """What the search minimises, of probabilities float32 [n, K] and true labels: see `tune`."""
    if spec.training.monitor == "f1":
        return 1.0 - float(f1_score(labels, Decision(spec).codes(probabilities), average="macro", zero_division=0))
    bounded = np.clip(probabilities.astype(np.float64), 1e-7, 1 - 1e-7)
    if labels.ndim == 2:
        return float(-np.where(labels, np.log(bounded), np.log(1 - bounded)).mean())
    return float(-np.log(bounded[np.arange(len(labels)), labels.astype(np.intp)]).mean())


def _finished(study: Any) -> list[Trial]:
    """The study's trials that came to an end by themselves, oldest first."""
    found = []
    for trial in study.get_trials(deepcopy=False):
        state = trial.state.name.lower()
        told = trial.user_attrs
        if state in ("complete", "pruned") or (state == "fail" and told.get("error")):
            found.append(
                Trial(
                    number=trial.number,
                    state="failed" if state == "fail" else state,
                    settings=told["settings"],
                    value=trial.value if state == "complete" else None,
                    epochs=told["epochs"],
                    seconds=told["seconds"],
                    baseline=is_baseline(trial),
                    error=told.get("error", ""),
                )
            )
    return found

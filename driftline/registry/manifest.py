"""What a version says of itself: where it came from, what it was measured on, and how to serve it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from driftline.records.loop import Window

Runtime = Literal["litert", "tensorflow", "litert-float16", "litert-int8", "onnx"]
"""The forms of a model that can answer records; the first versions knew the first two."""

FILES: dict[Runtime, str] = {
    "tensorflow": "saved_model.pb",
    "litert": "model.tflite",
    "litert-float16": "model.float16.tflite",
    "litert-int8": "model.int8.tflite",
    "onnx": "model.onnx",
}
"""The file of each form in a version's folder; the SavedModel's weights lie beside it, in `variables/`."""


class Document(BaseModel):
    """A file of the registry; a newer writer's extra fields are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class TextLookUp(Document):
    vocabulary: tuple[str, ...] = Field(description="Tokens from id 2 on.")
    sequence_length: int
    ngrams: int = Field(default=1, description="2: pairs of neighbouring words are tokens too.")


class LookUps(Document):
    """What the serving process needs to turn strings into the graph's codes, in the specification's orders."""

    categories: tuple[tuple[str, ...], ...] = ()
    texts: tuple[TextLookUp, ...] = ()


class Parity(Document):
    """How closely the exported forms agree with TensorFlow on real rows."""

    rows: int
    largest_difference: float
    decisions_changed: int


class Latency(Document):
    """Median time in which the served form scores a record, in µs."""

    alone_us: float = Field(description="A record by itself.")
    batch_rows: int
    batch_us: float = Field(description="A record in a batch of `batch_rows`.")


class Export(Document):
    """One form of the model, compared with TensorFlow on real rows."""

    file: str
    bytes: int
    parity: Parity | None = None
    refused: str | None = Field(default=None, description="Why this form may not serve.")


class ClassEvaluation(Document):
    """Metrics of one class, the others taken together as its opposite."""

    name: str
    rows: int = Field(description="Held-out rows of this class.")
    precision: float
    recall: float
    f1: float
    roc_auc: float | None = None
    pr_auc: float | None = None


class Evaluation(Document):
    """Metrics on the held-out slice of `rows` rows; None is a metric that the task or the slice has not."""

    rows: int
    accuracy: float
    balanced_accuracy: float | None = None
    macro_f1: float | None = None
    log_loss: float | None = None
    precision: float | None = Field(default=None, description="Macro; of the positive class for binary.")
    recall: float | None = Field(default=None, description="Macro; of the positive class for binary.")
    micro_f1: float | None = None
    weighted_f1: float | None = None
    brier: float | None = Field(
        default=None,
        description="Mean squared error of the probabilities: summed over classes; of the positive one for binary.",
    )
    roc_auc: float | None = Field(
        default=None, description="Macro, one against the rest; of the positive class for binary."
    )
    pr_auc: float | None = Field(
        default=None, description="Average precision; macro, of the positive class for binary."
    )
    kappa: float | None = Field(default=None, description="Cohen's kappa.")
    hamming_loss: float | None = Field(default=None, description="Share of wrong yes-and-no decisions (multilabel).")
    calibration_error: float | None = Field(default=None, description="Expected calibration error, 15 bins.")
    classes: tuple[ClassEvaluation, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = Field(
        default=(), description="Rows of true class i (line) answered j (column); single-label tasks."
    )
    intervals: dict[str, tuple[float, float]] = Field(
        default_factory=dict, description="95 % bootstrap confidence interval of each metric."
    )


class Verdict(Document):
    """What the gate decided, and why."""

    promoted: bool
    reasons: tuple[str, ...]
    candidate: Evaluation
    champion: Evaluation | None = None
    p_value: float | None = Field(default=None, description="Of the paired test, candidate against champion.")


class TrainingData(Document):
    """The window a version was trained on."""

    source: str = Field(description="'kafka' or the data file's name.")
    rows: int
    first_record_id: str | None = None
    last_record_id: str | None = None
    window: Window | None = Field(default=None, description="Topic offsets, where the data came from Kafka.")
    refitted: bool = Field(
        default=False, description="True if the shipped weights saw the held-out rows after the verdict."
    )


class Manifest(Document):
    """`manifest.json` of a version. Written last: a version exists once its manifest does."""

    schema_version: Literal[1] = 1
    stream: str
    version: int = Field(ge=1)
    created_at: int = Field(description="Epoch ms.")
    model_hash: str = Field(description="`StreamSpec.model_hash` it was built for.")
    task: str
    classes: tuple[str, ...]
    thresholds: tuple[float, ...] | None = None
    cost: tuple[tuple[float, ...], ...] | None = Field(
        default=None, description="Multiclass: the answer is the one of least expected cost under this matrix."
    )
    runtime: Runtime = Field(description="The form that the consumers run; files in `FILES`.")
    look_ups: LookUps = LookUps()
    parity: Parity | None = None
    latency: Latency | None = None
    data: TrainingData
    verdict: Verdict
    baselines: dict[str, Evaluation] = Field(
        default_factory=dict, description="Other models on the same held-out rows: `logistic`, `boosted`."
    )
    exports: dict[str, Export] = Field(default_factory=dict, description="Every form that was made, by name.")
    job_id: str | None = None
    drift_event_id: str | None = None
    replaced_version: int | None = None
    seconds: dict[str, float] = Field(default_factory=dict, description="Where the training time went, by stage.")
    libraries: dict[str, str] = Field(default_factory=dict)
    seed: int = 0
    files: dict[str, str] = Field(
        default_factory=dict,
        description="SHA-256 of each file beside the manifest, by relative path; empty in versions made before "
        "there were checksums, whose files are not checked.",
    )


class Champion(Document):
    """`champion.json` of a stream: the version in service. Replaced as a whole, never by an older one."""

    version: int
    sequence: int = Field(description="Counts changes of champion, from 1.")
    previous_version: int | None = None
    changed_at: int
    event_id: str

"""What a job has come through, for the people who wait for it."""

from driftline.records.loop import LogLine
from training.messages import Message

MOST_LINES = 60
# Of one line: an error may carry the end of what a process printed.
MOST_CHARACTERS = 500


class JobLog:
    """The newest lines of one job. Steps stay the longest: when it is full, the oldest epoch gives way.

    >>> log = JobLog()
    >>> log.note({"stage": "fit", "epoch": 3, "epochs": 40, "loss": 0.41236, "val_loss": None}, 7)
    >>> log.lines[0].text
    'epoch 3 of 40: loss 0.412'
    """

    def __init__(self, most: int = MOST_LINES) -> None:
        self._most = most
        # Replaced whole with every line: the threads that answer for the service's health read it.
        self._lines: tuple[tuple[LogLine, bool], ...] = ()

    @property
    def lines(self) -> list[LogLine]:
        """Oldest first."""
        return [line for line, _ in self._lines]

    def say(self, text: str, at_ms: int) -> None:
        """Add a step."""
        self._add(text, at_ms, epoch=False)

    def note(self, message: Message, at_ms: int) -> None:
        """Add what the training process reports (see `training.messages`)."""
        if "epoch" not in message:
            self._add(str(message.get("stage", "")), at_ms, epoch=False)
            return
        losses = [("loss", message.get("loss")), ("held out", message.get("val_loss"))]
        told = ", ".join(f"{name} {value:.3f}" for name, value in losses if isinstance(value, int | float))
        self._add(f"epoch {message['epoch']} of {message.get('epochs')}: {told}", at_ms, epoch=True)

    def _add(self, text: str, at_ms: int, *, epoch: bool) -> None:
        if len(text) > MOST_CHARACTERS:
            text = text[: MOST_CHARACTERS - 1] + "…"
        lines = [*self._lines, (LogLine(at=at_ms, text=text), epoch)]
        if len(lines) > self._most:
            del lines[next((i for i, (_, of_epoch) in enumerate(lines[:-1]) if of_epoch), 0)]
        self._lines = tuple(lines)

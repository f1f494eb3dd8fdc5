from hypothesis import given
from hypothesis import strategies as st

from training.job_log import MOST_CHARACTERS, JobLog

STEP = st.tuples(st.just("step"), st.text(max_size=40))
EPOCH = st.tuples(st.just("epoch"), st.integers(1, 500).map(str))


@given(st.lists(st.one_of(STEP, EPOCH), max_size=60), st.integers(1, 12))
def test_it_is_bounded_keeps_its_order_and_lets_epochs_go_first(said: list[tuple[str, str]], most: int) -> None:
    log = JobLog(most)
    for at, (kind, text) in enumerate(said):
        if kind == "step":
            log.say(text, at)
        else:
            log.note({"stage": "fit", "epoch": int(text), "epochs": 500, "loss": 0.5, "val_loss": 0.6}, at)
    assert len(log.lines) == min(len(said), most)
    times = [line.at for line in log.lines]
    assert times == sorted(times) and (not said or times[-1] == len(said) - 1)
    steps = [at for at, (kind, _) in enumerate(said) if kind == "step"]
    if len(steps) < most:
        assert set(steps) <= set(times)


def test_a_stage_and_its_epochs_are_told_in_words() -> None:
    log = JobLog()
    log.note({"stage": "fit"}, 1)
    log.note({"stage": "fit", "epoch": 1, "epochs": 40, "loss": 1.25, "val_loss": 1.5}, 2)
    assert [line.text for line in log.lines] == ["fit", "epoch 1 of 40: loss 1.250, held out 1.500"]


def test_a_long_line_is_cut() -> None:
    log = JobLog()
    log.say("x" * 5_000, 0)
    assert len(log.lines[0].text) == MOST_CHARACTERS and log.lines[0].text.endswith("…")

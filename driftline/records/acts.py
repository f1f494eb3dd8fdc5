"""What people did to the loop by hand, as NAME.audit keeps it."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from driftline.records.base import EpochMs, Record


class ActKind(StrEnum):
    RETRAIN = "retrain"
    PROMOTE = "promote"
    ROLL_BACK = "roll-back"
    PAUSE = "pause"
    RESUME = "resume"
    ACKNOWLEDGE = "acknowledge"


class Act(Record):
    """One line of the audit: who wanted what, and what came of it.

    An act is written twice under one `act_id`: as 'asked' before anything is done, so that nothing is done of which no
    line remains, and with its result. The topic is also how the monitor hears: 'pause' and 'resume' hold for its policy
    once they are 'done'.
    """

    act_id: str
    stream: str
    kind: ActKind
    subject: str | None = Field(default=None, description="A version, or the id of a drift event.")
    actor: str = Field(description="Whose token it was.")
    source: str = Field(default="", description="The address that the request came from.")
    note: str = Field(default="", max_length=500, description="Why, in the words of who did it.")
    at: EpochMs
    result: Literal["asked", "done", "failed"]
    detail: str = Field(default="", description="What was done, or why not, for a person.")

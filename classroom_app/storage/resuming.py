"""What a restart needs of a lesson under way, told from its acts in their order."""

from collections.abc import Sequence

from msgspec.structs import replace

from classroom_app.domain.acts import (
    AnyAct,
    Claimed,
    CollectAsked,
    CollectDone,
    Declared,
    DeviceCame,
    HandedOut,
    HandInKept,
    HandOut,
    HandOutReported,
    HandOutWithdrawn,
    LessonExtended,
    LessonOver,
    LessonShared,
    LessonStarted,
    LockAsked,
    OpenWish,
    PupilAnswered,
    PupilSpoke,
    Receipt,
    Resumed,
    Sat,
    SeatClaim,
    Wanted,
)
from classroom_app.domain.lesson import DeviceId, Lesson, PupilId, Sitting

EVERYBODY = PupilId("")


class Story:
    """Takes the acts one after another."""

    def __init__(self) -> None:
        self.lesson: Lesson | None = None
        self.over = False
        self.sittings: dict[DeviceId, Sitting] = {}
        self.claims: dict[DeviceId, Claimed] = {}
        self.wanted: dict[PupilId, Wanted] = {}
        self.handouts: dict[str, HandOut] = {}
        self.receipts: dict[tuple[str, DeviceId], Receipt] = {}
        self.wishes: dict[DeviceId, OpenWish] = {}
        self.came: dict[DeviceId, None] = {}
        self.tickets: dict[str, CollectAsked] = {}
        self.handed_in: list[HandInKept] = []

    def take(self, act: AnyAct) -> None:  # noqa: C901, PLR0912, PLR0915 - one case an act
        match act:
            case LessonStarted():
                self.lesson = Lesson(
                    act.lesson, act.class_id, act.class_name, act.teacher_name, act.at, act.ends_at
                )
            case LessonExtended() if self.lesson:
                clock_set = self.lesson.clock_set + act.clock_set
                self.lesson = replace(self.lesson, ends_at=act.ends_at, clock_set=clock_set)
                self.over = False
            case LessonShared() if self.lesson:
                self.lesson = replace(self.lesson, shared=act.shared)
            case LessonOver():
                # All are free and no hand is up any more, also where the lesson then goes on.
                self.over, self.wanted, self.wishes = True, {}, {}
            case SeatClaim():
                self.claims[act.device] = Claimed(act.device, act.pupil)
            case Sat():
                self.claims.pop(act.device, None)
                if act.left:
                    self.sittings[act.left] = Sitting(act.left, PupilId(""), act.source)
                self.sittings[act.device] = Sitting(act.device, act.pupil, act.source)
            case LockAsked():
                self._lock(act)
            case HandedOut():
                self.handouts[act.handout] = HandOut(
                    act.handout,
                    bytes.fromhex(act.document),
                    act.name,
                    act.size,
                    act.everybody,
                    act.pupils,
                )
            case HandOutWithdrawn() if act.handout in self.handouts:
                self.handouts[act.handout] = replace(self.handouts[act.handout], withdrawn=True)
            case HandOutReported():
                self.receipts[act.handout, act.device] = Receipt(
                    act.handout, act.device, act.state, act.file_hash, act.reason
                )
            case PupilSpoke(kind="hand-down"):
                self.wishes.pop(act.device, None)
            case PupilSpoke():
                self._speak(act)
            case PupilAnswered():
                self.wishes.pop(act.device, None)
            case DeviceCame():
                self.came[act.device] = None
            case CollectAsked():
                # The newer ticket gets what an earlier one still waited for.
                for name, asked in self.tickets.items():
                    left = tuple(each for each in asked.devices if each not in act.devices)
                    self.tickets[name] = replace(asked, devices=left)
                self.tickets[act.ticket] = act
            case CollectDone() if act.ticket in self.tickets:
                asked = self.tickets[act.ticket]
                left = tuple(device for device in asked.devices if device != act.device)
                self.tickets[act.ticket] = replace(asked, devices=left)
            case HandInKept():
                self.handed_in.append(act)
            case _:
                pass  # nothing to go on with

    def _speak(self, act: PupilSpoke) -> None:
        """Let a raised hand keep its place, as on the wall; words stand beside it."""
        before = self.wishes.get(act.device)
        text = act.text or (before.text if before else "")
        fresh = OpenWish(act.device, act.kind, act.at, text)
        raised = before is not None and before.kind == "hand-up"
        self.wishes[act.device] = replace(before, text=text) if before and raised else fresh

    def _lock(self, act: LockAsked) -> None:
        if act.everybody:
            self.wanted = {EVERYBODY: Wanted(EVERYBODY, act.locked, act.sentence)}
        for pupil in () if act.everybody else act.pupils:
            self.wanted[pupil] = Wanted(pupil, act.locked, act.sentence)


def resumed(acts: Sequence[AnyAct], declared: tuple[Declared, ...]) -> Resumed | None:
    """Return the lesson if it had not ended."""
    story = Story()
    for act in acts:
        story.take(act)
    if story.lesson is None or story.over:
        return None
    return Resumed(
        story.lesson,
        tuple(story.sittings.values()),
        declared,
        tuple(story.wanted.values()),
        tuple(story.handouts.values()),
        tuple(story.receipts.values()),
        tuple(story.wishes.values()),
        tuple(story.came),
        tuple(ticket for ticket in story.tickets.values() if ticket.devices),
        tuple(story.handed_in),
        tuple(story.claims.values()),
    )

"""What the seat does with the guard's orders, whatever its capabilities are made of. No Qt.

The guard decides; the seat shows, proves and answers. It trusts itself with one thing only: a
curtain whose guard has died frees the pupil when the last order's lease is over.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from typing import Final

from device_bridge.agent.capabilities import (
    Capture,
    Curtain,
    Indicator,
    Input,
    Notify,
    Open,
    Showing,
)
from device_bridge.agent.seat.control import Control
from device_bridge.agent.seat.looking import Looking
from device_bridge.agent.seat.newest import Newest
from device_bridge.agent.seat.receiving import Receiving
from device_bridge.agent.seat.screens import Monitors
from device_bridge.protocol.control import ControlInput, ControlOrdered
from device_bridge.protocol.pictures import Frame
from device_bridge.protocol.seat import (
    CurtainAnswered,
    DropCurtain,
    FrameTaken,
    FromSeat,
    HideScreen,
    IndicatorAnswered,
    Look,
    LostShown,
    NoticeShown,
    Opened,
    OpenFile,
    OpenPage,
    PupilActed,
    RaiseCurtain,
    ScreenLate,
    SeatUp,
    ShowIndicator,
    ShowLost,
    ShowNotice,
    ShowScreen,
    ToSeat,
)

WAITING_MAX: Final = 32
BUSY: Final = "too many at once"
NOT_SHOWN_HERE: Final = "not shown on this system"
ShowsLost = Callable[[str], Awaitable[str]]
PROVE_SECONDS: Final = 3.0
"""How often the bar is asked whether it is still there: the pupil's other programs may cover it."""


async def _not_here(text: str) -> str:
    return NOT_SHOWN_HERE if text else ""


class SeatCore:
    """Takes orders in `told`, works on them in `run`, answers through `say`.

    `hands`: one thread for what a teacher does here, which must not wait for a grab of the screen.
    Many may live in one process. Nothing in it grows: the newest order of a kind wins, and notices
    and openings beyond `WAITING_MAX` are refused in words.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - one a capability
        self,
        capture: Capture,
        curtain: Curtain,
        indicator: Indicator,
        notify: Notify,
        open_: Open,
        input_: Input,
        showing: Showing,
        say: Callable[[FromSeat], None],
        workers: Executor,
        *,
        hands: Executor | None = None,
        user: str = "",
        battery: Callable[[], int] = lambda: -1,
        lost: ShowsLost = _not_here,
        school_says: Callable[[ShowNotice], str] = lambda notice: notice.text,
    ) -> None:
        self._curtain = curtain
        self._indicator = indicator
        self._notify = notify
        self._open = open_
        self._say = say
        self._user = user
        self._battery = battery
        self._lost, self._school_says = lost, school_says
        self._losts = Newest[ShowLost]()
        self._looking = Looking(capture, workers, say)
        self._monitors = Monitors(capture, workers, say)
        self.control = Control(input_, hands or workers, say)
        self._shown = Receiving(showing, say)
        self._curtains = Newest[RaiseCurtain | DropCurtain]()
        self._curtain_version = 0
        self._bars = Newest[ShowIndicator]()
        self._bar_wanted, self._drives = False, ""
        self._notices = asyncio.Queue[ShowNotice](WAITING_MAX)
        self._openings = asyncio.Queue[OpenFile | OpenPage](WAITING_MAX)
        indicator.on_acted(self._acted)
        showing.on_left(say)

    def told(self, message: ToSeat) -> None:  # noqa: C901 - one case a message
        """Take one order; what follows is done in `run`."""
        match message:
            case ShowIndicator():
                self._take_bar(message)
            case RaiseCurtain() | DropCurtain():
                self._take_curtain(message)
            case Look():
                self._looking.look(message)
            case FrameTaken():
                self._looking.taken(message)
            case ShowScreen() | HideScreen() | ScreenLate() | Frame():
                self._shown.told(message)
            case ShowNotice():
                self._take_notice(message)
            case ShowLost():
                self._losts.put(message)
            case OpenFile() | OpenPage():
                self._take_opening(message)
            case ControlOrdered():
                self.control.ordered(message)
            case ControlInput():
                self.control.take(message)

    def _acted(self, act: PupilActed) -> None:
        if act.kind == "take-back":
            self.control.take_back()
        else:
            self._say(act)

    def _take_bar(self, order: ShowIndicator) -> None:
        self._bar_wanted, self._drives = order.on, order.drives
        self._notify.lesson(on=order.on)
        if not order.on:
            # No grab from this moment on, however long unmapping takes.
            self._looking.indicator_is_mapped(mapped=False)
        if not order.drives:
            self.control.told_on_bar(told=False)
        self._bars.put(order)

    def _take_curtain(self, order: RaiseCurtain | DropCurtain) -> None:
        if order.version >= self._curtain_version:
            self._curtain_version = order.version
            self._curtains.put(order)

    def _take_notice(self, notice: ShowNotice) -> None:
        if self._notices.full():
            self._say(NoticeShown(notice.id, BUSY))
        else:
            self._notices.put_nowait(notice)

    def _take_opening(self, opening: OpenFile | OpenPage) -> None:
        if self._openings.full():
            self._say(Opened(opening.id, BUSY))
        else:
            self._openings.put_nowait(opening)

    async def introduce(self) -> None:
        """Say whose desktop this is: the first word to a guard, each time one is reached."""
        screens = await self._monitors.measured()
        self._say(SeatUp(self._user[:64], screens, self._battery()))

    def alone(self) -> None:
        """Note that the guard is gone: nobody looks any more; the curtain stays for its lease."""
        self._looking.look(None)
        self.control.stop()
        self._shown.alone()
        self._curtain_version = 0
        self._take_bar(ShowIndicator(0, on=False))

    async def run(self) -> None:
        """Introduce the seat and serve until cancelled."""
        await self.introduce()
        await self.serve()

    async def serve(self) -> None:
        """Work on orders until cancelled; then give everything back."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep_curtain(), name="curtain")
                group.create_task(self._keep_indicator(), name="indicator")
                group.create_task(self._show_notices(), name="notices")
                group.create_task(self._show_lost(), name="lost")
                group.create_task(self._open_things(), name="openings")
                group.create_task(self._looking.run(), name="looking")
                group.create_task(self._monitors.run(), name="monitors")
                group.create_task(self.control.run(), name="control")
                group.create_task(self._shown.run(), name="showing")
        finally:
            self._shown.alone()
            await self._curtain.drop()

    async def _keep_curtain(self) -> None:
        remaining: float | None = None
        while True:
            match await self._curtains.take(remaining):
                case RaiseCurtain() as order:
                    remaining = float(order.frees_in_seconds) + 1  # the guard rounds down
                    reason = await self._curtain.raise_(order)
                    self._say(CurtainAnswered(order.version, reason[:200]))
                case DropCurtain() | None:
                    remaining = None
                    await self._curtain.drop()

    async def _keep_indicator(self) -> None:
        shown: ShowIndicator | None = None
        said: IndicatorAnswered | None = None
        while True:
            told = await self._bars.take(PROVE_SECONDS if shown else None)
            order = told or shown
            if order is None:
                continue
            reason = await self._indicator.show(order)
            self._looking.indicator_is_mapped(mapped=self._bar_wanted and not reason)
            self.control.told_on_bar(told=bool(self._drives and order.drives and not reason))
            answer = IndicatorAnswered(order.version, reason[:200])
            if told or answer != said:
                self._say(answer)
            shown, said = (order if order.on else None), answer

    async def _show_notices(self) -> None:
        while True:
            notice = await self._notices.get()
            text = self._school_says(notice) if notice.act else notice.text
            reason = await self._notify.show(
                notice.id, text, notice.teacher_name, answered=not notice.act
            )
            self._say(NoticeShown(notice.id, reason[:200]))

    async def _show_lost(self) -> None:
        while True:
            if order := await self._losts.take(None):
                reason = await self._lost(order.text)
                self._say(LostShown(reason[:200]))

    async def _open_things(self) -> None:
        while True:
            match await self._openings.get():
                case OpenFile(id_, path):
                    reason = await self._open.file(path)
                case OpenPage(id_, address):
                    reason = await self._open.page(address)
            self._say(Opened(id_, reason[:200]))

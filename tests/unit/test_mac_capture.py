"""What ScreenCaptureKit would be asked and what is made of its answers, by a Mac that is none."""

# PyObjC has no types: what stands in for it takes anything, too.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false

from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, Final

from device_bridge.agent.capabilities import Area, Picture, unseen
from device_bridge.agent.platform.mac_capture import (
    AGAIN_SECONDS,
    BGRA,
    REST_SECONDS,
    Frameworks,
    MacCapture,
    installed,
)
from device_bridge.protocol.hello import Screen

COMPLETE, IDLE = 0, 1
STATUS, DIRTY = "SCStreamFrameInfoStatus", "SCStreamFrameInfoDirtyRects"


class Named(SimpleNamespace):
    """An object of a framework, or a framework: what it has, by its names."""

    def __init__(self, **does: Callable[..., Any]) -> None:
        super().__init__(**does)

    def has(self, **named: object) -> "Named":
        vars(self).update(named)
        return self


def rect(x: float, y: float, width: float, height: float) -> Named:
    size = Named().has(width=width, height=height)
    return Named().has(origin=Named().has(x=x, y=y), size=size)


class Allocated:
    """A class of the framework: `alloc` gives the object whose `init…` is called."""

    def __init__(self, **starts: Callable[..., Any]) -> None:
        self._starts = starts

    def alloc(self) -> Named:
        return Named(**self._starts)


class Kept:
    """Takes whatever is set on it: `setWidth_(8)` is kept as `Width`."""

    def __init__(self) -> None:
        self.kept: dict[str, object] = {}

    def __getattr__(self, name: str) -> Callable[[object], None]:
        def keep(value: object) -> None:
            self.kept[name.removeprefix("set").rstrip("_")] = value

        return keep


class Mac:
    """Displays of 4 by 2 points, the second one with two pixels a point and standing left.

    A stream sends one picture when it starts, then what `draw` is told.
    """

    def __init__(self) -> None:
        self.now = 100.0
        self.ids = [7, 2]
        self.permitted = self.on_console = True
        self.asleep = self.asked = 0
        self.refuses = ""
        self.running: list[int] = []
        self.configured = Kept()
        self.heard: Callable[[Any], None] = print
        self.ended: Callable[[], None] = print
        self.capture = MacCapture(lambda: self.now, self.frameworks)

    def frameworks(self) -> Frameworks:
        return Frameworks(self.kit(), self.quartz(), self.media(), self.listener, nullcontext)

    def listener(self, heard: Callable[[Any], None], ended: Callable[[], None]) -> object:
        self.heard, self.ended = heard, ended
        return object()

    def kit(self) -> Named:
        shareable = Named(getShareableContentWithCompletionHandler_=self._content)
        return Named().has(
            SCShareableContent=shareable,
            SCContentFilter=Allocated(initWithDisplay_excludingWindows_=lambda one, _: one),
            SCStreamConfiguration=Allocated(init=lambda: self.configured),
            SCStream=Allocated(initWithFilter_configuration_delegate_=self._stream),
            SCStreamOutputTypeScreen=0,
            SCStreamFrameInfoStatus=STATUS,
            SCStreamFrameInfoDirtyRects=DIRTY,
            SCFrameStatusComplete=COMPLETE,
        )

    def _content(self, answer: Callable[[object, object], None]) -> None:
        shown = [Named(displayID=lambda id_=id_: id_) for id_ in self.ids]
        answer(Named(displays=lambda: shown), self.refuses or None)

    def _stream(self, display: Any, configured: Kept, delegate: object) -> Named:  # noqa: ANN401 - as PyObjC's
        assert configured is self.configured
        assert delegate is not None
        id_ = display.displayID()

        def start(answer: Callable[[object], None]) -> None:
            self.running.append(id_)
            answer(None)
            self.draw()

        def stop(answer: Callable[[object], None]) -> None:
            self.running.remove(id_)
            answer(None)

        return Named(
            addStreamOutput_type_sampleHandlerQueue_error_=lambda *_: (True, None),
            startCaptureWithCompletionHandler_=start,
            stopCaptureWithCompletionHandler_=stop,
        )

    def draw(self, *dirty: object, status: int = COMPLETE, shade: bytes = b"abcd") -> None:
        told = {STATUS: status, DIRTY: list(dirty)}
        self.heard(Named().has(told=told, shade=shade if status == COMPLETE else None))

    def media(self) -> Named:
        return Named(
            CMTimeMake=lambda value, scale: (value, scale),
            CMSampleBufferGetSampleAttachmentsArray=lambda sample, _: [sample.told],
            CMSampleBufferGetImageBuffer=lambda sample: sample.shade,
        )

    def quartz(self) -> Named:
        width = self.configured.kept
        return Named(
            CGSessionCopyCurrentDictionary=lambda: {"console": self.on_console},
            CGGetActiveDisplayList=lambda most, _, __: (0, self.ids[:most], len(self.ids)),
            CGMainDisplayID=lambda: 2,
            CGDisplayBounds=lambda id_: rect(0, 0, *((2, 4) if id_ == 7 else (4, 2))),
            CGDisplayCopyDisplayMode=lambda id_: id_,
            CGDisplayModeGetWidth=lambda _: 4,
            CGDisplayModeGetPixelWidth=lambda mode: 8 if mode == 7 else 4,
            CGDisplayIsAsleep=lambda id_: self.asleep == id_,
            CGPreflightScreenCaptureAccess=lambda: self.permitted,
            CGRequestScreenCaptureAccess=self._ask,
            CGRectMakeWithDictionaryRepresentation=lambda told, _: (True, told["rect"]),
            CVPixelBufferLockBaseAddress=lambda *_: 0,
            CVPixelBufferUnlockBaseAddress=lambda *_: 0,
            CVPixelBufferGetWidth=lambda _: width["Width"],
            CVPixelBufferGetHeight=lambda _: width["Height"],
            CVPixelBufferGetBytesPerRow=lambda _: self._row_bytes(),
            CVPixelBufferGetBaseAddress=lambda held: Named(
                as_buffer=lambda count: memoryview(bytearray(held * (count // 4)))
            ),
        ).has(kCGSessionOnConsoleKey="console")

    def _row_bytes(self) -> int:
        width: Any = self.configured.kept["Width"]
        return 4 * (width + 3)  # padded, as drivers like it

    def _ask(self) -> None:
        self.asked += 1


MAIN: Final = Picture(4, 2, "BGRX", b"abcd" * 8)


def test_displays_are_told_in_pixels_as_they_are_turned_the_main_one_first() -> None:
    mac = Mac()
    assert mac.capture.screens() == (Screen(4, 2), Screen(4, 8))
    mac.ids = [2]
    assert mac.capture.screens() == (Screen(4, 2),)


def test_the_one_that_is_looked_at_is_streamed_in_all_its_pixels_and_no_other() -> None:
    mac = Mac()
    assert mac.capture.grab(0) == MAIN
    assert (mac.configured.kept["PixelFormat"], mac.running) == (BGRA, [2])
    seen = mac.capture.grab(1)
    assert (seen, mac.running) == (Picture(4, 8, "BGRX", b"abcd" * 32), [7])
    mac.ids = [2]
    assert (mac.capture.grab(1), mac.running) == (unseen("screen-gone"), [])


def test_what_was_drawn_is_told_once_and_a_still_screen_has_nothing_new() -> None:
    mac = Mac()
    mac.capture.grab(0)
    assert mac.capture.changed(0) is None, "all of the first"
    assert mac.capture.changed(0) == ()
    mac.draw(status=IDLE)
    assert mac.capture.changed(0) == ()
    mac.draw(Named(rectValue=lambda: rect(0.5, 0, 1, 1)), shade=b"wxyz")
    mac.draw({"rect": rect(2, 1, 9, 9)}, shade=b"wxyz")
    assert mac.capture.changed(0) == (Area(0, 0, 2, 1), Area(2, 1, 2, 1))
    assert mac.capture.grab(0) == Picture(4, 2, "BGRX", b"wxyz" * 8)
    assert mac.capture.changed(1) is None, "of another display nothing is known"


def test_where_a_point_has_several_pixels_a_picture_is_compared() -> None:
    mac = Mac()
    mac.capture.grab(1)
    mac.capture.changed(1)
    mac.draw({"rect": rect(0, 0, 1, 1)})
    assert mac.capture.changed(1) is None


def test_without_the_permission_it_is_said_and_the_user_is_asked_once() -> None:
    mac = Mac()
    mac.permitted = False
    assert [mac.capture.grab(0) for _ in range(3)] == [unseen("not-permitted")] * 3
    assert (mac.asked, mac.running) == (1, [])
    mac.permitted = True
    assert mac.capture.grab(0) == MAIN


def test_a_display_asleep_and_another_users_session_are_told_as_what_they_are() -> None:
    mac = Mac()
    mac.capture.grab(0)
    mac.asleep = 2
    assert (mac.capture.grab(0), mac.running) == (unseen("screen-off"), [])
    mac.on_console = False
    assert mac.capture.grab(0) == unseen("user-switched")


def test_a_stream_that_ends_or_is_refused_is_tried_again_a_second_later() -> None:
    mac = Mac()
    mac.capture.grab(0)
    mac.ended()
    mac.refuses = "declined"
    assert mac.capture.grab(0) == unseen("cannot-see")
    mac.refuses = ""
    assert mac.capture.grab(0) == unseen("cannot-see"), "not at once"
    mac.now += AGAIN_SECONDS
    assert mac.capture.grab(0) == MAIN


def test_a_stream_that_nobody_asks_goes_away_by_itself() -> None:
    mac = Mac()
    mac.capture.grab(0)
    mac.now += REST_SECONDS
    mac.capture.screens()
    assert mac.running == [2]
    mac.now += 1
    mac.capture.screens()
    assert mac.running == []


def test_without_pyobjc_nothing_is_seen_and_it_is_said() -> None:
    capture = MacCapture(lambda: 0.0, installed)
    assert (capture.screens(), capture.changed(0)) == ((), None)
    assert capture.grab(0) == unseen("cannot-see")

"""Screens of macOS by ScreenCaptureKit, through PyObjC. Untested: no line has run on a Mac yet.

Sources: Apple, "ScreenCaptureKit" (SCShareableContent, SCStream, SCStreamFrameInfo), "Quartz
Display Services", "Core Video" (CVPixelBuffer); PyObjC, "API notes" (blocks, `objc.varlist`). All
pixels of a display are asked for, also where a point has four of them.
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from importlib import import_module
from math import ceil, floor
from typing import Any, Final, NamedTuple

from device_bridge.agent.areas import cut, few, packed
from device_bridge.agent.capabilities import Area, Picture, Unseen, unseen
from device_bridge.protocol.hello import SCREENS_MAX, Screen

AGAIN_SECONDS: Final = 1.0
"""How often a stream that would not run is tried again."""
ANSWER_SECONDS: Final = 5.0
"""How long the system may take for an answer, or for the first picture."""
REST_SECONDS: Final = 5.0
"""A stream that nobody asks goes, and with it the sign with which macOS says that one looks."""
FRAMES_A_SECOND: Final = 30
QUEUE_DEPTH: Final = 5
"""One is held here while the next are made; three is the system's least."""
BGRA: Final = int.from_bytes(b"BGRA", "big")  # kCVPixelFormatType_32BGRA
READ_ONLY: Final = 1  # kCVPixelBufferLock_ReadOnly


class Frameworks(NamedTuple):
    """ScreenCaptureKit, Quartz and CoreMedia.

    `listener` makes the object that hears of a stream's samples and of its end; `pool` gives back
    what the system has lent meanwhile: a thread of ours has none of its own.
    """

    kit: Any
    quartz: Any
    media: Any
    listener: Callable[[Callable[[Any], None], Callable[[], None]], object]
    pool: Callable[[], AbstractContextManager[object]]


def installed() -> Frameworks:
    """Load the system's own. Raises `ImportError` where they are not."""
    kit, quartz, media = map(import_module, ("ScreenCaptureKit", "Quartz", "CoreMedia"))
    pool = import_module("objc").autorelease_pool

    def listener(heard: Callable[[Any], None], ended: Callable[[], None]) -> object:
        made = _listener_class().alloc().init()
        made.heard, made.ended = heard, ended
        return made

    return Frameworks(kit, quartz, media, listener, pool)


@cache  # the Objective-C runtime takes a class's name once
def _listener_class() -> Any:  # noqa: ANN401 - a class of the Objective-C runtime
    objc, foundation = import_module("objc"), import_module("Foundation")
    protocols = [objc.protocolNamed(name) for name in ("SCStreamOutput", "SCStreamDelegate")]

    class PupitreStreamListener(foundation.NSObject, protocols=protocols):  # pyright: ignore[reportGeneralTypeIssues, reportCallIssue] - PyObjC's own
        heard: Callable[[Any], None]
        ended: Callable[[], None]

        def stream_didOutputSampleBuffer_ofType_(  # noqa: N802 - the protocol's name
            self, stream: object, sample: object, kind: int
        ) -> None:
            del stream, kind  # only pictures are asked for
            self.heard(sample)

        def stream_didStopWithError_(self, stream: object, error: object) -> None:  # noqa: N802 - as above
            del stream, error
            self.ended()

    return PupitreStreamListener


class Display(NamedTuple):
    """One display as it is set now, in pixels; `scaled`: a point of it has more than one."""

    id: int
    width: int
    height: int
    scaled: bool


class Refused(OSError):
    """The system answered with an error, or not in time."""


class MacCapture:
    """The main display first. `clock`: monotonic seconds. For one thread at a time.

    Of several displays only the one that is looked at is streamed.
    """

    def __init__(
        self, clock: Callable[[], float], load: Callable[[], Frameworks] = installed
    ) -> None:
        self._clock = clock
        try:
            self._frameworks = load()
        except ImportError:
            self._frameworks = None
        self._stream: _Stream | None = None
        self._asked_at = self._refused_at = float("-inf")
        self._has_asked = False

    def screens(self) -> tuple[Screen, ...]:
        if self._clock() - self._asked_at > REST_SECONDS:
            self.close()
        found = _displays(self._frameworks.quartz) if self._frameworks else ()
        return tuple(Screen(one.width, one.height) for one in found)

    def changed(self, screen: int) -> tuple[Area, ...] | None:
        """Say what was drawn on; None, too, where another display was looked at before."""
        if self._frameworks is None or self._stream is None:
            return None
        found = _displays(self._frameworks.quartz)
        same = screen < len(found) and found[screen] == self._stream.display
        return self._stream.changed() if same else None

    def descriptor(self) -> None:
        return None

    def grab(self, screen: int) -> Picture | Unseen:
        if (there := self._frameworks) is None:
            return unseen("cannot-see")
        self._asked_at = self._clock()
        if self._asked_at - self._refused_at < AGAIN_SECONDS:
            return unseen("cannot-see")
        with there.pool():
            found = _displays(there.quartz)
            hidden = self._hidden(there.quartz, found, screen)
            if hidden is not None:
                self.close()
                return hidden
            try:
                return self._streaming(there, found[screen]).picture()
            except Refused:
                self._refused_at = self._clock()
                self.close()
                return unseen("cannot-see")

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _hidden(self, quartz: Any, found: tuple[Display, ...], screen: int) -> Unseen | None:  # noqa: ANN401 - PyObjC's
        session = quartz.CGSessionCopyCurrentDictionary()
        if session is None or not found:
            return unseen("cannot-see")
        if not session.get(quartz.kCGSessionOnConsoleKey, True):
            return unseen("user-switched")
        if screen >= len(found):
            return unseen("screen-gone")
        if quartz.CGDisplayIsAsleep(found[screen].id):
            return unseen("screen-off")
        if quartz.CGPreflightScreenCaptureAccess():
            return None
        if not self._has_asked:
            self._has_asked = True  # the system puts the question to the user once, too
            quartz.CGRequestScreenCaptureAccess()
        return unseen("not-permitted")

    def _streaming(self, there: Frameworks, display: Display) -> "_Stream":
        if self._stream is not None and (self._stream.over or self._stream.display != display):
            self.close()
        if self._stream is None:
            self._stream = _Stream(there, display)
            self._stream.start()
        return self._stream


class _Stream:
    """One display's pictures, the newest held. What it hears comes in a thread of the system's."""

    def __init__(self, frameworks: Frameworks, display: Display) -> None:
        self.display, self.over = display, False
        self._there = frameworks
        self._lock = threading.Lock()
        self._first = threading.Event()
        self._newest: Any = None
        self._drawn: list[Area] | None = None
        self._listener = frameworks.listener(self._heard, self._ended)
        self._stream: Any = None

    def start(self) -> None:
        """Have it run. Blocks for a moment; raises `Refused`."""
        kit = self._there.kit
        content = _answer(kit.SCShareableContent.getShareableContentWithCompletionHandler_)
        shown = [one for one in content.displays() if one.displayID() == self.display.id]
        if not shown:
            raise Refused("this display is not offered")
        filtered = kit.SCContentFilter.alloc().initWithDisplay_excludingWindows_(shown[0], [])
        stream = kit.SCStream.alloc().initWithFilter_configuration_delegate_(
            filtered, self._configured(), self._listener
        )
        done, error = stream.addStreamOutput_type_sampleHandlerQueue_error_(
            self._listener, kit.SCStreamOutputTypeScreen, None, None
        )
        if not done:
            raise Refused(str(error))
        self._stream = stream
        _answer(stream.startCaptureWithCompletionHandler_)

    def _configured(self) -> object:
        made = self._there.kit.SCStreamConfiguration.alloc().init()
        made.setWidth_(self.display.width)
        made.setHeight_(self.display.height)
        made.setPixelFormat_(BGRA)
        made.setMinimumFrameInterval_(self._there.media.CMTimeMake(1, FRAMES_A_SECOND))
        made.setQueueDepth_(QUEUE_DEPTH)
        made.setShowsCursor_(False)
        return made

    def changed(self) -> tuple[Area, ...] | None:
        with self._lock:
            drawn, self._drawn = self._drawn, []
        return None if drawn is None else tuple(drawn)

    def picture(self) -> Picture:
        """Return the newest pixels, waiting for the first. Raises `Refused`."""
        if not self._first.wait(ANSWER_SECONDS) or self.over:
            raise Refused("no picture came")
        quartz, held = self._there.quartz, self._held()
        if quartz.CVPixelBufferLockBaseAddress(held, READ_ONLY):
            raise Refused("the pixels cannot be read")
        try:
            width, height = quartz.CVPixelBufferGetWidth(held), quartz.CVPixelBufferGetHeight(held)
            row_bytes = quartz.CVPixelBufferGetBytesPerRow(held)
            rows = quartz.CVPixelBufferGetBaseAddress(held).as_buffer(row_bytes * height)
            pixels = packed(memoryview(rows), row_bytes, width, height)
        finally:
            quartz.CVPixelBufferUnlockBaseAddress(held, READ_ONLY)
        return Picture(width, height, "BGRX", pixels)

    def close(self) -> None:
        self.over = True
        if self._stream is not None:
            self._stream.stopCaptureWithCompletionHandler_(_nothing)
            self._stream = None

    def _held(self) -> Any:  # noqa: ANN401 - PyObjC's
        with self._lock:
            return self._newest

    def _heard(self, sample: Any) -> None:  # noqa: ANN401 - as above
        kit, media = self._there.kit, self._there.media
        told = media.CMSampleBufferGetSampleAttachmentsArray(sample, False)  # noqa: FBT003 - C's
        info: Any = told[0] if told else {}
        picture = media.CMSampleBufferGetImageBuffer(sample)
        if picture is None or info.get(kit.SCStreamFrameInfoStatus) != kit.SCFrameStatusComplete:
            return  # nothing new, or nothing to see
        areas = self._areas(info)
        with self._lock:
            self._newest = picture
            # Where all of it may be new, and nobody has asked since, it stays so.
            self._drawn = None if areas is None or self._drawn is None else self._more(areas)
        self._first.set()

    def _ended(self) -> None:
        self.over = True
        self._first.set()

    def _more(self, areas: list[Area]) -> list[Area]:
        whole = Area(0, 0, self.display.width, self.display.height)
        return list(few([*(self._drawn or ()), *cut(areas, whole)], whole))

    def _areas(self, info: Any) -> list[Area] | None:  # noqa: ANN401 - as above
        """Return what is new in a picture.

        None: it is not told; or a point has several pixels, and in which of them is left open.
        """
        told = info.get(self._there.kit.SCStreamFrameInfoDirtyRects)
        if told is None or self.display.scaled:
            return None
        return [_area(self._there.quartz, one) for one in told]


def _area(quartz: Any, told: Any) -> Area:  # noqa: ANN401 - PyObjC's
    """Read a rectangle that stands in a value, or is written as a dictionary."""
    if hasattr(told, "rectValue"):
        rect = told.rectValue()
    else:
        _, rect = quartz.CGRectMakeWithDictionaryRepresentation(told, None)
    left, top = floor(rect.origin.x), floor(rect.origin.y)
    right, bottom = rect.origin.x + rect.size.width, rect.origin.y + rect.size.height
    return Area(left, top, ceil(right) - left, ceil(bottom) - top)


def _displays(quartz: Any) -> tuple[Display, ...]:  # noqa: ANN401 - PyObjC's
    """Return the displays that are drawn on, the main one first; a mirror is none of its own."""
    error, ids, count = quartz.CGGetActiveDisplayList(SCREENS_MAX, None, None)
    if error:
        return ()
    main = quartz.CGMainDisplayID()
    return tuple(_display(quartz, id_) for id_ in sorted(ids[:count], key=lambda id_: id_ != main))


def _display(quartz: Any, id_: int) -> Display:  # noqa: ANN401 - PyObjC's
    """Measure one: its bounds are in points and turned as it is seen, its mode knows of pixels."""
    bounds, mode = quartz.CGDisplayBounds(id_), quartz.CGDisplayCopyDisplayMode(id_)
    scale = 1.0
    if mode is not None and (points := quartz.CGDisplayModeGetWidth(mode)):
        scale = quartz.CGDisplayModeGetPixelWidth(mode) / points
    width, height = round(bounds.size.width * scale), round(bounds.size.height * scale)
    return Display(id_, width, height, scale != 1.0)


def _nothing(error: object) -> None:
    """Take how a stream has stopped: it is let go of either way."""
    del error


def _answer(ask: Callable[[Callable[..., None]], object]) -> Any:  # noqa: ANN401 - PyObjC's
    """Ask what answers by a block whose last argument is an error; return what comes before it."""
    told: list[Any] = []
    done = threading.Event()

    def answered(*given: object) -> None:
        told.extend(given)
        done.set()

    ask(answered)
    if not done.wait(ANSWER_SECONDS):
        raise Refused("no answer")
    *answer, error = told
    if error is not None:
        raise Refused(str(error))
    return answer[0] if answer else None

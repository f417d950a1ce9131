"""The link's machines, talked to: hello, gate and lanes."""

from hypothesis import given, settings
from hypothesis import strategies as st

from device_bridge.protocol.hello import Hello, NotUnderstood, Pulse, Refused, Welcome
from device_bridge.protocol.link import (
    HELLO_SECONDS,
    AppEnd,
    AppSaid,
    BindLane,
    CheckPapers,
    Close,
    DeviceEnd,
    DeviceSaid,
    EndLane,
    Garbage,
    GiveUp,
    Hear,
    Judge,
    LaneAsked,
    LaneEffect,
    LaneEvent,
    Lanes,
    LaneWent,
    LinkCame,
    LinkWent,
    Open,
    PapersBad,
    PapersGood,
    RefuseLane,
    Send,
    Strange,
    TimePassed,
    Up,
    advance_app,
    advance_device,
    advance_lanes,
)
from device_bridge.protocol.talking import Heard
from tests.dialogue import Dialogue

HELLO = Hello(1, 1, "app", "grant")
WELCOME = Welcome(1, "dev-1", "boot", "agent", "linux", bytes(32), bytes(16))
PULSE = Pulse(0, current=False)
NO = Refused("hello", "not-allowed", "grant-ended")


def test_a_device_greets_checks_and_then_judges_each_message() -> None:
    say = Dialogue(advance_device, DeviceEnd(0.0))
    assert say(AppSaid(HELLO), at=1) == [CheckPapers(HELLO, 1)]
    assert say(PapersGood(), at=1) == [Open()]
    assert say(AppSaid(Heard("x")), at=2) == [Judge(Heard("x"))]
    assert say(Strange("hologram"), at=3) == [Send(NotUnderstood("hologram"))]
    assert say(TimePassed(), at=1000) == []
    assert say(AppSaid(HELLO), at=1001) == [Close("out-of-order")]
    assert say(AppSaid(Heard("x")), at=1002) == []


def test_bad_papers_are_told_and_end_the_link() -> None:
    say = Dialogue(advance_device, DeviceEnd(0.0))
    say(AppSaid(HELLO), at=1)
    assert say(PapersBad(NO), at=1) == [Send(NO), Close("not-allowed")]
    assert say(AppSaid(HELLO), at=1) == []


def test_a_device_waits_for_a_hello_and_no_longer() -> None:
    say = Dialogue(advance_device, DeviceEnd(10.0))
    assert say(TimePassed(), at=10 + HELLO_SECONDS - 0.1) == []
    assert say(TimePassed(), at=10 + HELLO_SECONDS) == [Close("no-hello")]


def test_nothing_but_a_hello_begins_a_link() -> None:
    for event, why in (
        (AppSaid(Heard("x")), "out-of-order"),
        (Strange("hologram"), "out-of-order"),
        (PapersGood(), "out-of-order"),
        (Garbage(), "malformed"),
    ):
        assert Dialogue(advance_device, DeviceEnd(0.0))(event, at=0) == [Close(why)]


def test_versions_we_do_not_share_are_refused_by_name() -> None:
    for lowest, highest, refused in (
        (0, 0, Refused("hello", "too-old")),
        (2, 9, Refused("hello", "too-new")),
    ):
        say = Dialogue(advance_device, DeviceEnd(0.0))
        effects = say(AppSaid(Hello(lowest, highest, "a", "")), at=0)
        assert effects == [Send(refused), Close(refused.why)]
    say = Dialogue(advance_device, DeviceEnd(0.0))
    wide = Hello(0, 9, "a", "")
    assert say(AppSaid(wide), at=0) == [CheckPapers(wide, 1)]


def test_an_app_is_up_after_the_welcome_and_hears_from_then_on() -> None:
    say = Dialogue(advance_app, AppEnd("dev-1"))
    assert say(DeviceSaid(WELCOME), at=0) == [Up(WELCOME)]
    assert say(DeviceSaid(PULSE), at=0) == [Hear(PULSE)]
    assert say(DeviceSaid(NO), at=0) == [Hear(NO)]
    assert say(Strange("hologram"), at=0) == [Send(NotUnderstood("hologram"))]
    assert say(DeviceSaid(WELCOME), at=0) == [Close("out-of-order")]
    assert say(DeviceSaid(PULSE), at=0) == []


def test_an_app_believes_the_certificate_and_not_the_welcome() -> None:
    assert Dialogue(advance_app, AppEnd("dev-2"))(DeviceSaid(WELCOME), at=0) == [
        Close("other-device")
    ]


def test_an_app_gives_up_on_a_refusal_and_on_babble() -> None:
    assert Dialogue(advance_app, AppEnd("dev-1"))(DeviceSaid(NO), at=0) == [GiveUp(NO)]
    for event, why in (
        (DeviceSaid(PULSE), "out-of-order"),
        (Strange("x"), "out-of-order"),
        (Garbage(), "malformed"),
    ):
        assert Dialogue(advance_app, AppEnd("dev-1"))(event, at=0) == [Close(why)]


def test_a_lane_is_bound_by_token_teacher_and_living_link() -> None:
    token = bytes(32)
    say = Dialogue(advance_lanes, Lanes())
    assert say(LaneAsked(5, "/bulk", "t-1", token), at=0) == [RefuseLane(5)]
    assert say(LinkCame(1, "t-1", token), at=0) == []
    assert say(LaneAsked(5, "/bulk", "t-2", token), at=0) == [RefuseLane(5)]
    assert say(LaneAsked(6, "/bulk", "t-1", token), at=0) == [BindLane(6, 1)]
    assert say(LaneAsked(7, "/pictures", "t-1", token), at=0) == [BindLane(7, 1)]
    assert say(LaneAsked(8, "/bulk", "t-1", token), at=0) == [EndLane(6), BindLane(8, 1)]
    assert say(LaneWent(6), at=0) == []
    assert say(LinkWent(1), at=0) == [EndLane(7), EndLane(8)]
    assert say(LaneAsked(9, "/bulk", "t-1", token), at=0) == [RefuseLane(9)]


_token = st.sampled_from([bytes(32), b"\x01" * 32])
_teacher = st.sampled_from(["t-1", "t-2"])
_lane_events: st.SearchStrategy[LaneEvent] = st.one_of(
    st.builds(LinkCame, st.integers(1, 3), _teacher, _token),
    st.builds(LinkWent, st.integers(1, 3)),
    st.builds(
        LaneAsked, st.integers(4, 9), st.sampled_from(["/pictures", "/bulk"]), _teacher, _token
    ),
    st.builds(LaneWent, st.integers(4, 9)),
)


@given(st.lists(_lane_events, max_size=30))
@settings(max_examples=60, deadline=None)
def test_a_lane_is_only_ever_bound_to_a_living_link_of_its_own_teacher(
    events: list[LaneEvent],
) -> None:
    lanes = Lanes()
    living: dict[int, str] = {}
    for event in events:
        if isinstance(event, LinkCame):
            if event.link in living:
                continue  # a listener numbers its connections
            living[event.link] = event.teacher
        effects: list[LaneEffect]
        lanes, effects = advance_lanes(lanes, event, 0.0)
        if isinstance(event, LinkWent):
            living.pop(event.link, None)
        for effect in effects:
            if isinstance(effect, BindLane):
                assert isinstance(event, LaneAsked)
                assert living[effect.link] == event.teacher
        for bound in lanes.links:
            assert len({path for path, _ in bound.lanes}) == len(bound.lanes)

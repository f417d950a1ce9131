"""A picture's way: screens into patches, patches to readers, patches into pictures."""

import io
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw, ImageStat

from device_bridge.agent.capabilities import Area, Picture
from device_bridge.pictures.canvas import BadPicture, Canvas, OutOfStep, Part, single
from device_bridge.pictures.encode import PLACE, WHOLE, Encoder
from device_bridge.pictures.raster import mapped, resized, upright
from device_bridge.protocol.errors import Malformed
from device_bridge.protocol.pictures import (
    IMAGE_BYTES_MAX,
    Codec,
    Frame,
    Patch,
    PictureStream,
    covering,
    covers,
)
from tests.rasters import encoded, jpeg

SIZE = (700, 600)
ALL = (8192, 8192)


def screen(seed: int = 1) -> Image.Image:
    image, chance = Image.new("RGB", SIZE, (250, 250, 245)), random.Random(seed)  # noqa: S311 - any picture
    pen = ImageDraw.Draw(image)
    for _ in range(30):
        x, y = chance.randrange(SIZE[0]), chance.randrange(SIZE[1])
        pen.ellipse((x, y, x + 60, y + 60), tuple(chance.randbytes(3)))
    return image


def captured(image: Image.Image) -> Image.Image:
    raw = image.tobytes("raw", "BGRX")
    return mapped(Picture(image.width, image.height, "BGRX", raw))


def frame(number: int, patches: tuple[Patch, ...], base: int = 0) -> Frame:
    return Frame(number, 1, *SIZE, *SIZE, patches, base)


def alike(one: Image.Image, other: Image.Image) -> bool:
    assert one.size == other.size
    return max(ImageStat.Stat(ImageChops.difference(one, other)).mean) < 3


# to patches


def test_the_first_picture_is_told_whole_and_the_same_one_not_again() -> None:
    encoder, image = Encoder(), captured(screen())
    first = encoder.patches(image, 80)
    assert sum(patch.width * patch.height for patch in first) == SIZE[0] * SIZE[1]
    assert encoder.patches(image, 80) == ()


@pytest.mark.parametrize("changed", [None, (Area(300, 20, 9, 9),)])
def test_only_the_places_that_changed_are_told(changed: tuple[Area, ...] | None) -> None:
    encoder, image = Encoder(), screen()
    encoder.patches(captured(image), 80)
    ImageDraw.Draw(image).rectangle((300, 20, 308, 28), "black")
    patches = encoder.patches(captured(image), 80, changed)
    assert [(patch.x, patch.y) for patch in patches] == [(PLACE, 0)]


def test_what_is_said_to_have_changed_and_has_not_costs_nothing() -> None:
    encoder, image = Encoder(), captured(screen())
    encoder.patches(image, 80)
    assert encoder.patches(image, 80, (Area(0, 0, *SIZE),)) == ()


def test_a_picture_of_another_size_begins_anew() -> None:
    encoder = Encoder()
    encoder.patches(captured(screen()), 80)
    turned = captured(screen().transpose(Image.Transpose.ROTATE_90))
    assert covers(encoder.patches(turned, 80), turned.size)


def test_noise_that_would_not_fit_a_message_is_told_coarser() -> None:
    raw = random.Random(1).randbytes(3840 * 2160 * 3)  # noqa: S311 - any picture
    noise = Image.frombytes("RGB", (3840, 2160), raw)
    patches = Encoder(WHOLE).patches(noise, 95)
    assert sum(len(patch.image) for patch in patches) <= IMAGE_BYTES_MAX


@pytest.mark.parametrize("codec", ["jpeg", "webp"])
def test_colours_come_through_as_the_screen_has_them(codec: Codec) -> None:
    image, canvas = screen(), Canvas()
    laid = canvas.lay(frame(1, Encoder(codec=codec).patches(captured(image), 90)), ALL)
    assert laid is not None
    assert alike(laid.image, image)
    seen = captured(image)
    assert alike(upright(seen.tobytes(), seen.mode, seen.size), image)


# to readers


def test_readers_get_what_they_lack_each_patch_as_it_was_encoded() -> None:
    stream, encoder, image = PictureStream(), Encoder(), screen()
    stream.put(frame(1, encoder.patches(captured(image), 80)))
    for number in (2, 3, 4):
        ImageDraw.Draw(image).rectangle((10 * number, 0, 10 * number + 5, 5), "black")
        stream.put(frame(number, encoder.patches(captured(image), 80), number - 1))
    late, fresh = stream.since(3), stream.since(0)
    assert late is not None
    assert fresh is not None
    assert (late.base, late.number, len(late.patches)) == (3, 4, 1)
    assert (fresh.base, fresh.number) == (0, 4)
    assert stream.since(4) is None
    skipped = stream.since(1)
    assert skipped is not None
    assert skipped.patches == late.patches, "only the newest of a place"


def test_a_picture_told_as_one_draws_over_all_that_was_before() -> None:
    stream, patches = PictureStream(), Encoder().patches(captured(screen()), 80)
    small = [Patch(x, 0, 100, 600, "jpeg", jpeg(100, 600)) for x in range(0, 700, 100)]
    stream.put(frame(1, tuple(small)))
    stream.put(frame(2, patches, 1))
    for had in (0, 1):
        sent = stream.since(had)
        assert sent is not None
        assert sent.patches == patches


def test_whoever_comes_late_has_all_of_it_also_where_the_first_place_changed_since() -> None:
    stream, encoder, image = PictureStream(), Encoder(), screen()
    stream.put(frame(1, encoder.patches(captured(image), 90)))
    late = Canvas()
    late.lay(frame(1, Encoder().patches(captured(image), 90)), ALL)
    image = Image.new("RGB", SIZE, "white")
    stream.put(frame(2, encoder.patches(captured(image), 90), 1))
    ImageDraw.Draw(image).rectangle((10, 10, 90, 90), "navy")
    stream.put(frame(3, encoder.patches(captured(image), 90), 2))
    for canvas, had in ((Canvas(), 0), (late, 1)):
        sent = stream.since(had)
        assert sent is not None
        laid = canvas.lay(sent, ALL)
        assert laid is not None
        assert laid.image.size == SIZE, "all of it"
        assert alike(laid.image, image)


def test_what_is_too_much_for_one_message_comes_in_several_and_ends_up_whole() -> None:
    stream = PictureStream()
    patches = [Patch(x, 0, 100, 600, "jpeg", jpeg(100, 600)) for x in range(0, 700, 100)]
    stream.put(frame(1, tuple(patches[:1])))
    for number, patch in enumerate(patches[1:], start=2):
        stream.put(frame(number, (patch,), number - 1))
    canvas, had, seen = Canvas(), 0, list[Part | None]()
    while sent := stream.since(had, bytes_max=4 * len(patches[0].image)):
        seen.append(canvas.lay(sent, ALL))
        had = sent.number
    assert len(seen) > 1
    assert [part is None for part in seen] == [True] * (len(seen) - 1) + [False]


def test_a_source_out_of_step_is_refused() -> None:
    stream, patches = PictureStream(), covering(jpeg(*SIZE), *SIZE)
    with pytest.raises(Malformed):
        stream.put(frame(2, patches, 1))
    stream.put(frame(1, patches))
    for wrong in (frame(3, patches, 2), frame(1, patches, 1), Frame(2, 1, 9, 9, 9, 9, (), 1)):
        with pytest.raises(Malformed):
            stream.put(wrong)


# to pictures


def test_patches_end_up_where_the_screen_has_them_at_any_fit() -> None:
    for fit in (ALL, (350, 300), (333, 999)):
        canvas, encoder, image = Canvas(), Encoder(), screen()
        first = canvas.lay(frame(1, encoder.patches(captured(image), 90)), fit)
        assert first is not None
        shown = first.image
        ImageDraw.Draw(image).rectangle((280, 270, 330, 330), "navy")
        part = canvas.lay(frame(2, encoder.patches(captured(image), 90), 1), fit)
        assert part is not None
        assert part.image.width * part.image.height < shown.width * shown.height
        shown.paste(part.image, (part.x, part.y))
        again = canvas.again(fit)
        assert again is not None
        assert alike(shown, again.image)
        assert alike(shown, resized(image, shown.size))


def test_a_frame_of_no_patches_shows_nothing_new() -> None:
    canvas = Canvas()
    assert canvas.lay(frame(1, ()), ALL) is None
    canvas.lay(frame(2, covering(jpeg(*SIZE), *SIZE)), ALL)
    assert canvas.lay(frame(3, (), 2), ALL) is None


def test_a_frame_on_another_than_the_last_is_out_of_step() -> None:
    canvas, patches = Canvas(), covering(jpeg(*SIZE), *SIZE)
    with pytest.raises(OutOfStep):
        canvas.lay(frame(2, patches, 1), ALL)
    canvas.lay(frame(5, patches), ALL)
    with pytest.raises(OutOfStep):
        canvas.lay(frame(7, patches, 6), ALL)


BESIDE = Patch(690, 0, 32, 32, "jpeg", jpeg(32, 32))
OTHER = Patch(0, 0, 32, 32, "jpeg", jpeg(64, 64))
FALSE = Patch(0, 0, 32, 32, "webp", jpeg(32, 32))


@pytest.mark.parametrize("patch", [BESIDE, OTHER, FALSE])
def test_a_patch_that_is_not_what_it_says_is_refused_and_the_picture_begins_anew(
    patch: Patch,
) -> None:
    canvas = Canvas()
    canvas.lay(frame(1, covering(jpeg(*SIZE), *SIZE)), ALL)
    with pytest.raises(BadPicture):
        canvas.lay(frame(2, (patch,), 1), ALL)
    with pytest.raises(OutOfStep):
        canvas.lay(frame(3, (), 2), ALL)


def test_a_picture_that_says_it_is_giant_is_refused_before_there_is_room_for_it() -> None:
    with pytest.raises(BadPicture):
        Canvas().lay(Frame(1, 1, 30_000, 30_000, 9, 9, covering(jpeg(9, 9), 9, 9)), ALL)


# one whole picture, hostile


def decode(raw: bytes, fit: tuple[int, int], size: tuple[int, int] = (64, 36)) -> Image.Image:
    return single(Frame(1, 1, *size, *size, covering(raw, *size)), fit).image


def test_a_picture_is_fitted_and_never_enlarged() -> None:
    assert decode(jpeg(1920, 1080), (320, 320), (1920, 1080)).size == (320, 180)
    assert decode(jpeg(64, 36), (640, 360)).size == (64, 36)


@pytest.mark.parametrize("size", [(0, 0), (64, 0), (63, 36), (36, 64), (8193, 1)])
def test_a_picture_of_another_size_than_it_says_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(BadPicture):
        decode(jpeg(64, 36), (32, 32), size)
    with pytest.raises(BadPicture):
        Canvas().lay(Frame(1, 1, *size, *size, covering(jpeg(64, 36), *size)), ALL)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x89PNG\r\n",
        b"\xff\xd8",
        b"\xff\xd8" + bytes(IMAGE_BYTES_MAX),
        jpeg(300, 200)[:-400],
    ],
)
def test_what_is_no_whole_jpeg_is_refused(raw: bytes) -> None:
    with pytest.raises(BadPicture):
        decode(raw, (100, 100), (300, 200))


def test_a_picture_of_very_many_scans_is_refused_before_decoding() -> None:
    out = io.BytesIO()
    Image.new("L", (64, 36)).save(out, "JPEG", progressive=True)
    raw = out.getvalue()
    last_scan = raw[raw.rindex(b"\xff\xda") : -2]
    assert decode(raw, (32, 32)).width == 32
    with pytest.raises(BadPicture):
        decode(raw[:-2] + last_scan * 200 + raw[-2:], (32, 32))


def test_a_header_that_claims_giant_sides_is_refused_before_decoding() -> None:
    raw = bytearray(jpeg(16, 16))
    at = raw.index(b"\xff\xc0")
    raw[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    with pytest.raises(BadPicture):
        decode(bytes(raw), (100, 100))


@settings(max_examples=60, deadline=None)
@given(
    at=st.integers(0, 900),
    junk=st.binary(min_size=1, max_size=12),
    codec=st.sampled_from(["JPEG", "WEBP"]),
)
def test_bent_bytes_give_a_picture_or_bad_picture_and_nothing_else(
    at: int, junk: bytes, codec: str
) -> None:
    raw = bytearray(encoded(resized(screen(), (120, 80)), codec))
    raw[at : at + len(junk)] = junk
    kind: Codec = "webp" if codec == "WEBP" else "jpeg"
    bent = Frame(1, 1, 120, 80, 120, 80, covering(bytes(raw), 120, 80, kind))
    for read in (lambda: single(bent, (60, 60)), lambda: Canvas().lay(bent, (60, 60))):
        try:
            part = read()
        except BadPicture:
            continue
        assert part is not None
        assert part.image.width <= 60


def test_of_a_screen_that_scrolls_a_few_places_are_looked_at_and_then_only_what_changed() -> None:
    size, all_of_it = (6 * PLACE, 4 * PLACE), (Area(0, 0, 6 * PLACE, 4 * PLACE),)
    encoder = Encoder()

    def shown(colour: str, spot: str = "") -> Image.Image:
        drawn = Image.new("RGBX", size, colour)
        if spot:
            drawn.paste(spot, (PLACE, 0, PLACE + 9, 9))  # a place that is not among the few
        return drawn

    assert len(encoder.patches(shown("red"), 75)) == 1
    assert covers(encoder.patches(shown("green"), 75, all_of_it), size)
    small = encoder.patches(shown("green", "blue"), 75, (Area(PLACE, 0, 9, 9),))
    assert [(one.x, one.y) for one in small] == [(PLACE, 0)]
    # A system that says all changed where nothing did costs one whole picture, and no second one.
    assert covers(encoder.patches(shown("green", "blue"), 75, all_of_it), size)
    assert encoder.patches(shown("green", "blue"), 75, all_of_it) == ()

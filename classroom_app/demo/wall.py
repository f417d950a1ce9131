"""What a visitor sees: colour codes read from the window's grabbed picture."""

import asyncio

from PIL import Image

from classroom_app.demo.world import World
from device_bridge.simulator import code


def _read(path: str, rects: dict[str, list[int]]) -> dict[str, tuple[int, int]]:
    with Image.open(path) as picture:
        whole = picture.convert("RGB")
    found: dict[str, tuple[int, int]] = {}
    for device, (x, y, width, height) in rects.items():
        if width and height:
            seen = code.read(whole.crop((x, y, x + width, y + height)))
            if seen:
                found[device] = seen
    return found


async def read_close(world: World, name: str, device: str) -> int | None:
    """Grab the window; return the running number of the device's code in the close picture."""
    shot = await world.shot(name)
    if not shot["close"]:
        return None
    path = str(world.options.out / f"{name}.png")
    seen = (await asyncio.to_thread(_read, path, {device: shot["close"]})).get(device)
    return seen[1] if seen and seen[0] == code.hash_of(device) else None


async def read_codes(world: World, name: str, fresh_seconds: float = 5.0) -> set[str]:
    """Grab the window; return the devices whose tile shows their own code, at most so old."""
    shot = await world.shot(name)
    rects = {tile["device"]: tile["picture"] for tile in shot["tiles"] if tile["device"]}
    seen = await asyncio.to_thread(_read, str(world.options.out / f"{name}.png"), rects)
    return {
        device
        for device, (hash_, number) in seen.items()
        if hash_ == code.hash_of(device) and code.age_seconds(number, shot["at"]) <= fresh_seconds
    }

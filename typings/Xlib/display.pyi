from collections.abc import Callable

from Xlib.error import CatchError
from Xlib.protocol.display import Display as _BaseDisplay

class _Attributes:
    map_state: int
    win_class: int

class _Geometry:
    x: int
    y: int
    width: int
    height: int
    border_width: int

class _Tree:
    children: list[Window]

class _Property:
    format: int
    value: bytes | list[int]

class _Spot:
    x: int
    y: int

class _Monitor:
    x: int
    y: int
    primary: int
    width_in_pixels: int
    height_in_pixels: int

class _Monitors:
    monitors: list[_Monitor]

class _Power:
    power_level: int
    state: int

class _Saver:
    state: int

class _ExtensionEvent:
    DamageNotify: int
    ScreenChangeNotify: int

class GraphicsContext:
    id: int

class Pixmap:
    id: int
    def create_gc(self) -> GraphicsContext: ...
    def put_image(
        self,
        gc: GraphicsContext,
        x: int,
        y: int,
        width: int,
        height: int,
        format: int,
        depth: int,
        left_pad: int,
        data: bytes,
    ) -> None: ...

class _Pointer:
    child: Window | None
    mask: int
    root_x: int
    root_y: int

class _Focus:
    focus: Window | int

class _Info:
    min_keycode: int
    max_keycode: int
    resource_id_mask: int

class _Protocol:
    info: _Info

class _Event:
    type: int
    state: int
    detail: int

class Window:
    id: int
    def create_window(
        self,
        x: int,
        y: int,
        width: int,
        height: int,
        border_width: int,
        depth: int,
        *,
        override_redirect: bool = ...,
        event_mask: int = ...,
    ) -> Window: ...
    def map(self) -> None: ...
    def destroy(self) -> None: ...
    def query_pointer(self) -> _Pointer: ...
    def grab_key(
        self,
        key: int,
        modifiers: int,
        owner_events: bool,
        pointer_mode: int,
        keyboard_mode: int,
        onerror: CatchError | None = None,
    ) -> None: ...
    def ungrab_key(self, key: int, modifiers: int, onerror: CatchError | None = None) -> None: ...
    def create_pixmap(self, width: int, height: int, depth: int) -> Pixmap: ...
    def change_attributes(
        self, *, background_pixmap: Pixmap = ..., event_mask: int = ...
    ) -> None: ...
    def clear_area(self) -> None: ...
    def get_attributes(self) -> _Attributes: ...
    def get_geometry(self) -> _Geometry: ...
    def get_full_property(self, property: int, property_type: int) -> _Property | None: ...
    def change_property(
        self, property: int, property_type: int, format: int, data: list[int]
    ) -> None: ...
    def delete_property(self, property: int) -> None: ...
    def translate_coords(self, src_window: Window, src_x: int, src_y: int) -> _Spot: ...
    def query_tree(self) -> _Tree: ...
    def xrandr_get_monitors(self, is_active: bool = True) -> _Monitors: ...
    def xrandr_select_input(self, mask: int) -> None: ...
    def screensaver_query_info(self) -> _Saver: ...
    def damage_create(self, level: int) -> int: ...
    def grab_keyboard(
        self, owner_events: bool, pointer_mode: int, keyboard_mode: int, time: int
    ) -> int: ...
    def grab_pointer(
        self,
        owner_events: bool,
        event_mask: int,
        pointer_mode: int,
        keyboard_mode: int,
        confine_to: int,
        cursor: int,
        time: int,
    ) -> int: ...

class _Screen:
    root: Window
    root_depth: int
    width_in_pixels: int
    height_in_pixels: int

class ScreenSaver:
    timeout: int
    interval: int
    prefer_blanking: int
    allow_exposures: int

class Display:
    display: _BaseDisplay
    extension_event: _ExtensionEvent
    def __init__(self, display: str | None = None) -> None: ...
    def has_extension(self, extension: str) -> bool: ...
    def pending_events(self) -> int: ...
    def next_event(self) -> _Event: ...
    def damage_query_version(self) -> None: ...
    def damage_subtract(self, damage: int, repair: int = 0, parts: int = 0) -> None: ...
    def xfixes_query_version(self) -> None: ...
    def dpms_info(self) -> _Power: ...
    def screen(self) -> _Screen: ...
    def create_resource_object(self, type: str, id: int) -> Window: ...
    def ungrab_keyboard(self, time: int) -> None: ...
    def ungrab_pointer(self, time: int) -> None: ...
    def sync(self) -> None: ...
    def fileno(self) -> int: ...
    def query_keymap(self) -> list[int]: ...
    def keysym_to_keycode(self, keysym: int) -> int: ...
    def get_input_focus(self) -> _Focus: ...
    def get_modifier_mapping(self) -> list[list[int]]: ...
    def get_keyboard_mapping(self, first_keycode: int, count: int) -> list[list[int]]: ...
    def change_keyboard_mapping(
        self, first_keycode: int, keysyms: list[tuple[int, ...]]
    ) -> None: ...
    def intern_atom(self, name: str) -> int: ...
    def get_screen_saver(self) -> ScreenSaver: ...
    def set_screen_saver(
        self, timeout: int, interval: int, prefer_blank: int, allow_exposures: int
    ) -> None: ...
    def set_error_handler(self, handler: Callable[..., None]) -> None: ...
    def flush(self) -> None: ...
    def close(self) -> None: ...

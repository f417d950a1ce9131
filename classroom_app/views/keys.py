"""All keys of the window: one table, of which its shortcuts are made and the page of F1."""

from typing import Final

from msgspec import Struct

from classroom_app.presenters.words import later


class Key(Struct, frozen=True):
    """`shown` stands on the page beside `words`; each of `sequences` does what `does` names.

    Without `does` the widget that has the keyboard hears the key itself.
    """

    does: str
    shown: str
    words: str
    also: tuple[str, ...] = ()

    @property
    def sequences(self) -> tuple[str, ...]:
        """Return the keys as Qt writes them; none where it is heard elsewhere."""
        return (self.shown, *self.also) if self.does else ()


KEYS: Final = (
    Key("lock", "Ctrl+L", later("Lock")),
    Key("", "↓", later("On Lock: the sentence shown")),
    Key("free", "Ctrl+Shift+L", later("Free")),
    Key("attention", ".", later("Lock or free, as is likely")),
    Key("hand-out", "Ctrl+D", later("Hand out")),
    Key("collect", "Ctrl+R", later("Collect")),
    Key("message", "Ctrl+M", later("Message")),
    Key("show", "Ctrl+P", later("Show")),
    Key("more", "Ctrl+K", later("More")),
    Key("undo", "Ctrl+Z", later("Undo")),
    Key("end", "Ctrl+Shift+E", later("End the lesson")),
    Key("escape", "Esc", later("Back; never frees anyone")),
    Key("check", "F5", later("Connection check")),
    Key("full-screen", "F11", later("Full screen")),
    Key("help", "F1", later("Keys")),
    Key("find", "Ctrl+F", later("Find a pupil")),
    Key("next", "F6", later("Who needs me next")),
    Key("before", "Shift+F6", later("Who needed me before")),
    Key("all", "Ctrl+A", later("Choose all")),
    Key("invert", "Ctrl+I", later("Choose the others instead")),
    Key("", "Ctrl+1 … 9", later("A group; with Shift: keep the chosen as one")),
    Key("hide", "Ctrl+H", later("Hide pictures")),
    Key("larger", "Ctrl++", later("Larger tiles"), also=("Ctrl+=",)),
    Key("smaller", "Ctrl+-", later("Smaller tiles")),
    Key("fit", "Ctrl+0", later("Tiles as large as all fit")),
    Key("", "Enter", later("Look closely")),
    Key("beside", "Ctrl+Enter", later("Two to four, side by side"), also=("Ctrl+Return",)),
    Key("drive", "Ctrl+J", later("Take mouse and keyboard there")),
    Key("", "Ctrl+Alt+Shift+Esc", later("Give mouse and keyboard back")),
    Key("keep", "Ctrl+S", later("Keep a picture")),
    Key("keep-all", "Ctrl+Shift+S", later("Keep a picture of each screen")),
)

"""Words in the teacher's language: English in the source, the rest in resources/translations."""

from importlib.resources import files

import msgspec
from PySide6.QtCore import QCoreApplication, QDateTime, QLocale, QObject, QTranslator

LANGUAGES = ("fr", "de", "en")
_CONTEXT = "pupitre"
Phrases = dict[str, str | list[str]]


def later(source: str) -> str:
    """Mark a source text of a table; it is spoken later with `say`."""
    return source


def say(source: str, n: int = -1, /, **facts: object) -> str:
    """Return `source` in the chosen language, `{names}` filled with plain facts, `{n}` with `n`.

    Only the template is read for braces, so a pupil's text cannot fill anything in.
    """
    text = QCoreApplication.translate(_CONTEXT, source, None, n)
    return text.format(n=n, **facts)


def phrases(language: str) -> Phrases:
    """Read one language: a text, or two forms, the singular first."""
    raw = files("resources.translations").joinpath(f"{language}.json").read_bytes()
    return msgspec.json.decode(raw, type=Phrases)


class Translator(QTranslator):
    """Qt's own hook over our JSON, so there is one file a language and nothing to compile."""

    def __init__(self, language: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.language_name = language
        self._phrases = phrases(language)

    def isEmpty(self) -> bool:
        return not self._phrases

    def translate(
        self, context: str, source: str, disambiguation: str | None = None, n: int = -1
    ) -> str | None:
        del disambiguation
        found = self._phrases.get(source) if context == _CONTEXT else None
        if isinstance(found, list):
            # French speaks of 0 and 1 in the singular; English and German of 1 alone.
            return found[0] if n == 1 or (n == 0 and self.language_name == "fr") else found[-1]
        return found


def speak(language: str, before: Translator | None = None) -> Translator:
    """Install `language` in place of `before`; views hear of it as a LanguageChange event."""
    app = QCoreApplication.instance()
    if app is None:
        raise RuntimeError("words need an application")
    if before is not None:
        app.removeTranslator(before)
    made = Translator(language, app)
    app.installTranslator(made)
    return made


def amount(size_bytes: int) -> str:
    """Return a file's size as people say it: "1.2 GB", "1,2 Go"."""
    return _locale().formattedDataSize(size_bytes, 1, QLocale.DataSizeFormat.DataSizeSIFormat)


def day(utc_seconds: int) -> str:
    """Return a day by this computer's calendar: "12 May", "12 mai", "12. Mai"."""
    return _dated(utc_seconds, say("d MMMM"))


def weekday(utc_seconds: int) -> str:
    """Return a day by its name as well: "vendredi 12 décembre", "Freitag, 12. Dezember"."""
    return _dated(utc_seconds, say("dddd d MMMM"))


def _dated(utc_seconds: int, form: str) -> str:
    return _locale().toString(QDateTime.fromSecsSinceEpoch(utc_seconds).date(), form)


def _locale() -> QLocale:
    return QLocale(say("en"))  # each language translates it by its own code


def lasted(seconds: float) -> str:
    """Return how long something has been so: "12 s", "3 min", "2 h"."""
    whole = max(0, int(seconds))
    if whole < 60:  # noqa: PLR2004 - a minute
        return say("{count} s", count=whole)
    if whole < 3600:  # noqa: PLR2004 - an hour
        return say("{count} min", count=whole // 60)
    return say("{count} h", count=whole // 3600)

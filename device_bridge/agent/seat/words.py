"""What the seat says to the pupil, in the desktop's language, and what others say, made plain."""

from typing import Final

_WORDS: Final[dict[str, dict[str, str]]] = {
    "en": {
        "eyes": "Eyes on me",
        "closed": "{who} closed this screen at {since}.",
        "reach": "{who} opens it again, at {until} at the latest",
        "away": "{who}'s computer is away. This opens by itself at {until}.",
        "behind": "Your windows stay open behind this.",
        "hand": "Raise hand",
        "hand-up": "Hand up",
        "hand-place": "Hand up: no. {place}",
        "lesson": "{who} leads this lesson",
        "overview": "{who} sees this screen",
        "close": "{who} looks at your screen",
        "until": "lesson until {until}",
        "write": "Write",
        "received": "Received: {count}",
        "hand-in": "Hand in",
        "fold": "Make small",
        "unfold": "Show all",
        "who": "Who sits here?",
        "chosen": "You chose {who}. Your teacher confirms it.",
        "says": "{who} says",
        "answer": "Answer…",
        "to": "Write to {who}",
        "send": "Send",
        "later": "Close",
        "sent": "Sent.",
        "teacher": "Your teacher",
    },
    "fr": {
        "eyes": "Les yeux vers moi",
        "closed": "{who} a fermé cet écran à {since}.",
        "reach": "{who} le rouvre, à {until} au plus tard",
        "away": "L'ordinateur de {who} est absent. S'ouvre tout seul à {until}.",
        "behind": "Tes fenêtres restent ouvertes derrière.",
        "hand": "Lever la main",
        "hand-up": "Main levée",
        "hand-place": "Main levée : n° {place}",
        "lesson": "{who} dirige ce cours",
        "overview": "{who} voit cet écran",
        "close": "{who} regarde ton écran",
        "until": "cours jusqu'à {until}",
        "write": "Écrire",
        "received": "Reçus : {count}",
        "hand-in": "Rendre",
        "fold": "Réduire",
        "unfold": "Tout montrer",
        "who": "Qui est assis ici ?",
        "chosen": "Tu as choisi {who}. Ton professeur confirme.",
        "says": "{who} dit",
        "answer": "Répondre…",
        "to": "Écrire à {who}",
        "send": "Envoyer",
        "later": "Fermer",
        "sent": "Envoyé.",
        "teacher": "Ton professeur",
    },
    "de": {
        "eyes": "Schaut bitte zu mir",
        "closed": "{who} hat diesen Bildschirm um {since} gesperrt.",
        "reach": "{who} gibt ihn wieder frei, spätestens um {until}",
        "away": "Der Computer von {who} ist weg. Öffnet sich von selbst um {until}.",
        "behind": "Deine Fenster bleiben dahinter offen.",
        "hand": "Melden",
        "hand-up": "Gemeldet",
        "hand-place": "Gemeldet: Nr. {place}",
        "lesson": "{who} leitet diese Stunde",
        "overview": "{who} sieht diesen Bildschirm",
        "close": "{who} schaut auf deinen Bildschirm",
        "until": "Stunde bis {until}",
        "write": "Schreiben",
        "received": "Erhalten: {count}",
        "hand-in": "Abgeben",
        "fold": "Verkleinern",
        "unfold": "Alles zeigen",
        "who": "Wer sitzt hier?",
        "chosen": "Du hast {who} gewählt. Deine Lehrkraft bestätigt es.",
        "says": "{who} sagt",
        "answer": "Antworten…",
        "to": "An {who} schreiben",
        "send": "Senden",
        "later": "Schließen",
        "sent": "Gesendet.",
        "teacher": "Deine Lehrkraft",
    },
}


class Words:
    """One language of the table; English where ours is not in it. `locale` as in "fr_CH"."""

    def __init__(self, locale: str) -> None:
        self._words = _WORDS.get(locale[:2].lower(), _WORDS["en"])

    def __call__(self, key: str, **facts: str | int) -> str:
        """Fill a sentence. Facts are put in as they are: names are cut by `plain` before."""
        return self._words[key].format(**facts)


def languages() -> dict[str, dict[str, str]]:
    return _WORDS

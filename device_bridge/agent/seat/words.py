"""What the seat says to the pupil, in the desktop's language, and what others say, made plain."""

from typing import Final

from device_bridge.protocol.plain import plain
from device_bridge.protocol.seat import ShowNotice

_WORDS: Final[dict[str, dict[str, str]]] = {
    "en": {
        "lost": "This device is missing",
        "school-ring": "Your school lets this device ring.",
        "school-restart": "Your school has this device start anew in a minute. Save your work.",
        "school-wipe": "Your school erases what it has on this device.",
        "eyes": "Eyes on me",
        "closed": "{who} closed this screen at {since}.",
        "reach": "{who} opens it again, at {until} at the latest",
        "away": "{who}'s computer is away. This opens by itself at {until}.",
        "behind": "Your windows stay open behind this.",
        "emergency": "In an emergency: press the power key twice, or hold it down.",
        "off": "Press the power key again to switch this device off. What is not saved is lost.",
        "hand": "Raise hand",
        "hand-up": "Hand up",
        "hand-place": "Hand up: no. {place}",
        "lesson": "{who} leads this lesson",
        "both": "{first} and {last}",
        "lesson-more": "{who} lead this lesson",
        "overview-more": "{who} see this screen",
        "close-more": "{who} look at your screen",
        "close-left-more": "{who} look closely, for {minutes} min more at the most",
        "still-more": "{who}: a picture of your screen is kept",
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
        "lesson-over": "The lesson is over: no answer goes out any more.",
        "sent": "Sent.",
        "teacher": "Your teacher",
        "seen-overview": "saw this screen, small, among those of the class",
        "seen-close": "looked at this screen closely",
        "seen-locked": "locked this screen",
        "seen-still": "kept a picture of this screen",
        "drives": "{who} drives",
        "take-back": "Take back · {keys}",
        "take-back-keys": "Ctrl+Alt+Space",
        "seen-control": "drove mouse and keyboard here",
        "still": "{who} keeps a picture of your screen",
        "stills": "pictures kept: {count}",
        "seen-erased": "Name erased",
        "shows": "You are shown the screen of {who}",
        "shown": "Your screen is shown to the class",
        "show-leave": "Leave",
        "show-late": "No picture from {who} for {count} s",
        "show-lost": "Nothing more comes from {who}. Your desktop is back.",
        "seen-shown": "showed this screen to the class",
        "seen-carried-away": "carried this device's sealed report to the school",
        "seen-carried-here": "brought the school's settings for this device",
        "seen-settings": "changed settings of this device",
        "seen-from": "From",
        "seen-to": "To",
        "seen-who": "Who",
        "seen-what": "What",
        "seen-none": "Nobody has looked at this screen.",
        "close-left": "{who} looks closely, for {minutes} min more at the most",
        "private-on": "Private: nobody sees this screen",
        "private": "Private",
        "private-stop": "Stop: {left}",
        "private-tip": (
            "Show this screen to nobody for a while. Your teacher sees that it is private."
        ),
        "seen": "Who looked?",
        "seen-lesson": "Lesson of",
        "seen-private": "you kept this screen private",
        "seen-title": "Who looked at this screen",
        "seen-export": "Save as a table…",
        "seen-saved": "Saved.",
        "seen-unsaved": "It cannot be saved there.",
        "seen-more": "Older entries are left out.",
        "seen-away": (
            "The agent of this device does not answer. Start the device anew, or ask your teacher."
        ),
        "join-none": "This device can be found here already, or there is no network.",
        "join-which": (
            "Be found on {networks}, until this device leaves it? A teacher of your school can "
            "then see this screen in a lesson."
        ),
        "join": "Be found here",
        "join-done": "Found on {networks}, until this device leaves it or starts anew.",
    },
    "fr": {
        "lost": "Cet appareil est perdu",
        "school-ring": "Ton école fait sonner cet appareil.",
        "school-restart": (
            "Ton école fait redémarrer cet appareil dans une minute. Enregistre ton travail."
        ),
        "school-wipe": "Ton école efface ce qu'elle a sur cet appareil.",
        "eyes": "Les yeux vers moi",
        "closed": "{who} a fermé cet écran à {since}.",
        "reach": "{who} le rouvre, à {until} au plus tard",
        "away": "L'ordinateur de {who} est absent. S'ouvre tout seul à {until}.",
        "behind": "Tes fenêtres restent ouvertes derrière.",
        "emergency": (
            "En cas d'urgence : appuie deux fois sur la touche marche/arrêt, ou maintiens-la."
        ),
        "off": (
            "Appuie encore sur la touche marche/arrêt pour éteindre cet appareil. Ce qui "
            "n'est pas enregistré est perdu."
        ),
        "hand": "Lever la main",
        "hand-up": "Main levée",
        "hand-place": "Main levée : n° {place}",
        "lesson": "{who} dirige ce cours",
        "both": "{first} et {last}",
        "lesson-more": "{who} dirigent ce cours",
        "overview-more": "{who} voient cet écran",
        "close-more": "{who} regardent ton écran",
        "close-left-more": "{who} regardent de près, encore {minutes} min au plus",
        "still-more": "{who} : une image de ton écran est gardée",
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
        "lesson-over": "Le cours est terminé : aucune réponse ne part plus.",
        "sent": "Envoyé.",
        "teacher": "Ton professeur",
        "seen-overview": "a vu cet écran, en petit, parmi ceux de la classe",
        "seen-close": "a regardé cet écran de près",
        "seen-locked": "a verrouillé cet écran",
        "seen-still": "a gardé une image de cet écran",
        "drives": "{who} pilote",
        "take-back": "Reprendre · {keys}",
        "take-back-keys": "Ctrl+Alt+Espace",
        "seen-control": "a piloté la souris et le clavier ici",
        "still": "{who} garde une image de ton écran",
        "stills": "images gardées : {count}",
        "seen-erased": "Nom effacé",
        "shows": "On te montre l'écran de {who}",
        "shown": "Ton écran est montré à la classe",
        "show-leave": "Quitter",
        "show-late": "Pas d'image de {who} depuis {count} s",
        "show-lost": "Plus rien n'arrive de {who}. Ton bureau est de retour.",
        "seen-shown": "a montré cet écran à la classe",
        "seen-carried-away": "a porté à l'école le rapport scellé de cet appareil",
        "seen-carried-here": "a apporté les réglages de l'école pour cet appareil",
        "seen-settings": "a changé des réglages de cet appareil",
        "seen-from": "De",
        "seen-to": "À",
        "seen-who": "Qui",
        "seen-what": "Quoi",
        "seen-none": "Personne n'a regardé cet écran.",
        "close-left": "{who} regarde de près, encore {minutes} min au plus",
        "private-on": "Privé : personne ne voit cet écran",
        "private": "Privé",
        "private-stop": "Arrêter : {left}",
        "private-tip": (
            "Ne montrer cet écran à personne pendant un moment. Ton professeur voit qu'il est "
            "privé."
        ),
        "seen": "Qui a regardé ?",
        "seen-lesson": "Cours de",
        "seen-private": "tu as gardé cet écran privé",
        "seen-title": "Qui a regardé cet écran",
        "seen-export": "Enregistrer en tableau…",
        "seen-saved": "Enregistré.",
        "seen-unsaved": "Impossible d'enregistrer là.",
        "seen-more": "Les entrées plus anciennes ne sont pas montrées.",
        "seen-away": (
            "L'agent de cet appareil ne répond pas. Redémarre l'appareil ou demande à ton "
            "professeur."
        ),
        "join-none": "Cet appareil peut déjà être trouvé ici, ou il n'y a pas de réseau.",
        "join-which": (
            "Être trouvé sur {networks}, jusqu'à ce que cet appareil le quitte ? Un professeur de"
            " ton école peut alors voir cet écran pendant un cours."
        ),
        "join": "Être trouvé ici",
        "join-done": "Trouvé sur {networks}, jusqu'à ce que cet appareil le quitte ou redémarre.",
    },
    "de": {
        "lost": "Dieses Gerät wird vermisst",
        "school-ring": "Deine Schule lässt dieses Gerät läuten.",
        "school-restart": (
            "Deine Schule startet dieses Gerät in einer Minute neu. Speichere deine Arbeit."
        ),
        "school-wipe": "Deine Schule löscht, was sie auf diesem Gerät hat.",
        "eyes": "Schaut bitte zu mir",
        "closed": "{who} hat diesen Bildschirm um {since} gesperrt.",
        "reach": "{who} gibt ihn wieder frei, spätestens um {until}",
        "away": "Der Computer von {who} ist weg. Öffnet sich von selbst um {until}.",
        "behind": "Deine Fenster bleiben dahinter offen.",
        "emergency": "Im Notfall: Ein-/Aus-Taste zweimal drücken oder gedrückt halten.",
        "off": (
            "Drücke die Ein-/Aus-Taste noch einmal, um dieses Gerät auszuschalten. Was nicht "
            "gespeichert ist, geht verloren."
        ),
        "hand": "Melden",
        "hand-up": "Gemeldet",
        "hand-place": "Gemeldet: Nr. {place}",
        "lesson": "{who} leitet diese Stunde",
        "both": "{first} und {last}",
        "lesson-more": "{who} leiten diese Stunde",
        "overview-more": "{who} sehen diesen Bildschirm",
        "close-more": "{who} schauen auf deinen Bildschirm",
        "close-left-more": "{who} schauen nah hin, höchstens noch {minutes} min",
        "still-more": "{who}: Ein Bild deines Bildschirms wird behalten",
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
        "lesson-over": "Die Stunde ist vorbei: Es geht keine Antwort mehr hinaus.",
        "sent": "Gesendet.",
        "teacher": "Deine Lehrkraft",
        "seen-overview": "sah diesen Bildschirm klein, unter denen der Klasse",
        "seen-close": "schaute diesen Bildschirm nah an",
        "seen-locked": "sperrte diesen Bildschirm",
        "seen-still": "behielt ein Bild dieses Bildschirms",
        "drives": "{who} steuert",
        "take-back": "Zurücknehmen · {keys}",
        "take-back-keys": "Strg+Alt+Leertaste",
        "seen-control": "steuerte hier Maus und Tastatur",
        "still": "{who} behält ein Bild deines Bildschirms",
        "stills": "behaltene Bilder: {count}",
        "seen-erased": "Name gelöscht",
        "shows": "Du siehst den Bildschirm von {who}",
        "shown": "Dein Bildschirm wird der Klasse gezeigt",
        "show-leave": "Verlassen",
        "show-late": "Seit {count} s kein Bild von {who}",
        "show-lost": "Von {who} kommt nichts mehr. Dein Desktop ist wieder da.",
        "seen-shown": "hat diesen Bildschirm der Klasse gezeigt",
        "seen-carried-away": "trug den versiegelten Bericht dieses Geräts zur Schule",
        "seen-carried-here": "brachte die Einstellungen der Schule für dieses Gerät",
        "seen-settings": "änderte Einstellungen dieses Geräts",
        "seen-from": "Von",
        "seen-to": "Bis",
        "seen-who": "Wer",
        "seen-what": "Was",
        "seen-none": "Niemand hat auf diesen Bildschirm geschaut.",
        "close-left": "{who} schaut nah hin, höchstens noch {minutes} min",
        "private-on": "Privat: niemand sieht diesen Bildschirm",
        "private": "Privat",
        "private-stop": "Beenden: {left}",
        "private-tip": (
            "Diesen Bildschirm eine Weile niemandem zeigen. Deine Lehrkraft sieht, dass er privat"
            " ist."
        ),
        "seen": "Wer hat geschaut?",
        "seen-lesson": "Stunde der",
        "seen-private": "du hieltest diesen Bildschirm privat",
        "seen-title": "Wer auf diesen Bildschirm geschaut hat",
        "seen-export": "Als Tabelle speichern…",
        "seen-saved": "Gespeichert.",
        "seen-unsaved": "Dort lässt es sich nicht speichern.",
        "seen-more": "Ältere Einträge sind weggelassen.",
        "seen-away": (
            "Der Agent dieses Geräts antwortet nicht. Starte das Gerät neu oder frag deine "
            "Lehrkraft."
        ),
        "join-none": "Dieses Gerät ist hier schon zu finden, oder es ist kein Netz da.",
        "join-which": (
            "In {networks} gefunden werden, bis dieses Gerät es verlässt? Eine Lehrkraft deiner "
            "Schule kann dann in einer Stunde diesen Bildschirm sehen."
        ),
        "join": "Hier gefunden werden",
        "join-done": "In {networks} zu finden, bis dieses Gerät es verlässt oder neu startet.",
    },
}


class Words:
    """One language of the table; English where ours is not in it. `locale` as in "fr_CH"."""

    def __init__(self, locale: str) -> None:
        self._words = _WORDS.get(locale[:2].lower(), _WORDS["en"])

    def __call__(self, key: str, **facts: str | int) -> str:
        """Fill a sentence. Facts are put in as they are: names are cut by `plain` before."""
        return self._words[key].format(**facts)

    def school_says(self, notice: ShowNotice) -> str:
        """Put into words what the school itself does to this device."""
        if notice.act in {"", "message"}:
            return notice.text
        return self(f"school-{notice.act}", facts=plain(notice.text, 200))


def languages() -> dict[str, dict[str, str]]:
    return _WORDS

"""What can go wrong on the teacher's own computer, named by what a person can do.

RoomError
|- NoClass        open a class first
|- NoLesson       start the lesson first
|- LessonTooLong  start a new one: this one has had its four hours
|- GrantEnded     sign in once online: the right for `class_name` ended at `ended_at`
|- NotShown       choose again: that is not seen on this computer any more
|- NotLookedAt    look closely at the pupil first
|- ShowEnded      `why` says what took the screen of `name` from the class
|- StillRefused   `why` says why the device lets no picture be kept
|- NoFileManager  open `folder` by hand: nothing on this computer shows folders
|- NotSaved       choose another `folder`: `saved` works lie there, and it takes no more
|  |- SavingFull  or free some space there
|- NotYourClass   the school says who teaches `name`
|  |- LessonWaits  its lesson was under way, and goes on once the school is reached
|  |- LessonLeft  sign in once online, and begin anew: its lesson was under way, and is over
|     |- OwnLessonLeft  type the passphrase of this computer's own school, and begin anew
|- Unfit          choose another file than `name`
|  |- EmptyFile   it has no byte
|  |- NotAPdf     it is not what its name says
|  |- TooLarge    no manifest can name all of it
|- NotReady       `name` does not stand ready for the class
|  |- NoLongerHere  choose the file again: its bytes are gone
|  |- ReadyFull    remove one of what stands ready first
|- SchoolSucceeded  sign in again: the school has a new root, and all before it has ended
|- AuthorityLocked  type the passphrase of this computer's own school
|- NotKept        nothing was written, so nothing was declared
   |- StoreFull       free some space, then do it again
   |- StoreReadOnly   give Pupitre a folder that it may write
   |- StoreInUse      close the other Pupitre, which has it open
   |  |- StoreClosing  it is closing: wait until it has
   |- StoreNewer      update Pupitre: a newer one wrote the store
   |- StoreSealed     bring its key back; `why` says what is wrong with it
   |  |- StoreLocked  type the passphrase that its key is sealed by
   |  |- KeyringAway  unlock the computer's keyring, then start again
   |- StoreBroken     the store is damaged: ask for help; `where` names it
   |  |- StoreToMend  it was seen at the start, before a change: pupitre store repair
"""


class RoomError(Exception):
    """The base; carries facts, never sentences."""


class NoClass(RoomError):
    """No class is open, or it is not known here yet."""


class NoLesson(RoomError):
    """What was asked exists only inside a lesson."""


class NotShown(RoomError):
    """What was to be shown of this computer is not seen any more."""


class NotLookedAt(RoomError):
    """Whose screen is to be shown is not looked at closely."""


class ShowEnded(RoomError):
    """The screen of `name` is shown no longer; `why` says what ended it."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(name, why)
        self.name, self.why = name, why


class NotSaved(RoomError):
    """Works were to be copied into `folder`; `saved` of them are there, whole."""

    def __init__(self, folder: str, saved: int) -> None:
        super().__init__(folder, saved)
        self.folder, self.saved = folder, saved


class SavingFull(NotSaved):
    """The disk of that folder takes no more."""


class LessonTooLong(RoomError):
    """A lesson lasts no longer than its mandate may."""


class GrantEnded(RoomError):
    """`ended_at` is UTC seconds since 1970."""

    def __init__(self, class_name: str, ended_at: int) -> None:
        super().__init__(class_name, ended_at)
        self.class_name = class_name
        self.ended_at = ended_at


class JournalDoubted(RoomError):
    """A device's journal is not the one that it had signed before."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class StillRefused(RoomError):
    """No picture was kept. `why` is the device's word, or how asking it ended."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class NoFileManager(RoomError):
    """Nothing on this computer shows folders; `folder` is which one was to be shown."""

    def __init__(self, folder: str) -> None:
        super().__init__(folder)
        self.folder = folder


class NotYourClass(RoomError):
    """The teacher's grant does not reach this class."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class LessonWaits(NotYourClass):
    """A lesson of this class was under way; the class is not here, and the school was not asked."""


class LessonLeft(NotYourClass):
    """A lesson of this class was under way, and no right allows to go on with it."""


class OwnLessonLeft(LessonLeft):
    """It was left in a school without a server, whose key was not here to renew the right."""


class AnotherTeacher(RoomError):
    """What is kept here is the work of the teacher called `name`; nobody else signs in to it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Unfit(RoomError):
    """A file that helps no pupil as it is: nobody is given it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class EmptyFile(Unfit):
    """Saved before a word was in it, or cut off by a full disk."""


class NotAPdf(Unfit):
    """Called `.pdf`, and no reader of those will open it."""


class TooLarge(Unfit):
    """Larger than a document may be."""


class NotReady(RoomError):
    """The document called `name` does not stand ready for the class."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class NoLongerHere(NotReady):
    """It did; this computer has lost it."""


class ReadyFull(NotReady):
    """As many others do as may."""


class SchoolSucceeded(RoomError):
    """The standby has named the school's next root: what this teacher has is of the one before."""


class AuthorityLocked(RoomError):
    """The key of this computer's own school is here; its passphrase opens it."""


class NotKept(RoomError):
    """The store did not take it."""


class StoreFull(NotKept):
    """The disk has no room. What was acknowledged before is safe."""


class StoreReadOnly(NotKept):
    """The store's folder or file may not be written."""


class StoreInUse(NotKept):
    """Another process has the store open; there is one writer at a time."""


class StoreClosing(StoreInUse):
    """The other process is closing it, which takes longer than was waited for."""


class StoreNewer(NotKept):
    """The store's form is not known here. Nothing was changed; `version` names the form."""

    def __init__(self, version: str) -> None:
        super().__init__(version)
        self.version = version


class StoreSealed(NotKept):
    """The store does not open without its key. Nothing was changed.

    `why`: "missing", or "wrong" where the key opens nothing that is left, not one page.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class StoreLocked(StoreSealed):
    """The key is here, sealed; the teacher's passphrase opens it."""


class KeyringAway(StoreSealed):
    """The key is in the computer's keyring, which does not answer or is locked."""


class StoreBroken(NotKept):
    """A page of the store cannot be read. `where` says what was found."""

    def __init__(self, where: str) -> None:
        super().__init__(where)
        self.where = where


class StoreToMend(StoreBroken):
    """Damage that was seen at the start, before anything was changed.

    To go on all the same would drop what can still be read: `pupitre store repair` saves that.
    """

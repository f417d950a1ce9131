"""What can go wrong on the teacher's own computer, named by what a person can do.

RoomError
|- NoClass        open a class first
|- NoLesson       start the lesson first
|- NotKept        nothing was written, so nothing was declared
   |- StoreFull       free some space, then do it again
   |- StoreReadOnly   give Pupitre a folder that it may write
   |- StoreBroken     the store is damaged: take the last copy; `where` names it
"""


class RoomError(Exception):
    """The base; carries facts, never sentences."""


class NoClass(RoomError):
    """No class is open, or it is not known here yet."""


class NoLesson(RoomError):
    """What was asked exists only inside a lesson."""


class NotKept(RoomError):
    """The store did not take it."""


class StoreFull(NotKept):
    """The disk has no room. What was acknowledged before is safe."""


class StoreReadOnly(NotKept):
    """The store's folder or file may not be written."""


class StoreBroken(NotKept):
    """The store cannot be read: damaged, or its key is another. `where` says what was found."""

    def __init__(self, where: str) -> None:
        super().__init__(where)
        self.where = where

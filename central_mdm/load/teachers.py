"""Teachers of a load: their apps sign in, pull what changed, and push what happened in lessons."""

import time
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote
from uuid import uuid4

from msgspec import Raw, json

from central_mdm.contract.identity import SignedIn, SignIn
from central_mdm.contract.journal import Event, Push, Pushed
from central_mdm.contract.roster import Changes, Scopes
from central_mdm.load.tally import OK
from central_mdm.load.wire import Answer, Lines, request

EVENTS_A_PUSH: Final = 10
ROUND_SECONDS: Final = 10
"""Within so long each pulls once and pushes once."""
WORDS: Final = Raw(b'{"device":"dev-0001","kind":"words","text":"May I look with Amina?"}')
_signed_in: Final = json.Decoder(SignedIn)
_scopes: Final = json.Decoder(Scopes)
_changes: Final = json.Decoder(Changes)
_pushed: Final = json.Decoder(Pushed)


@dataclass
class Teacher:
    """`cursors`: what to send for each scope. `waiting`: events that no server has answered."""

    school: str
    login: str
    password: str
    token: str = ""
    cursors: dict[str, str] = field(default_factory=dict[str, str])
    waiting: tuple[Event, ...] = ()
    sequence: int = 0

    async def come(self, lines: Lines) -> Answer:
        """Sign in and pull all there is. Raises OSError; any answer but 200 ends it."""
        asked = SignIn(self.school, self.login, self.password)
        answer = await lines.ask(request("POST", "/api/sign-in", body=json.encode(asked)))
        if answer.status != OK:
            return answer
        self.token = _signed_in.decode(answer.body).token
        answer = await lines.ask(request("GET", "/api/scopes", self.token))
        if answer.status == OK:
            self.cursors = dict.fromkeys(_scopes.decode(answer.body).scopes, "")
        for scope in self.cursors:
            while answer.status == OK:
                answer, has_more = await self._pull(lines, scope)
                if not has_more:
                    break
        return answer

    async def turn(self, lines: Lines, number: int) -> Answer:
        """Pull a scope and push, by turns. Raises OSError."""
        if number % 2:
            return await self.push(lines)
        scopes = list(self.cursors)
        answer, _ = await self._pull(lines, scopes[number // 2 % len(scopes)])
        return answer

    async def push(self, lines: Lines) -> Answer:
        """Push the next events; those that had no answer go again, as they are."""
        self.waiting = self.waiting or tuple(self._event() for _ in range(EVENTS_A_PUSH))
        body = json.encode(Push(self.waiting))
        answer = await lines.ask(request("POST", "/api/journal", self.token, body))
        if answer.status == OK:
            outcomes = _pushed.decode(answer.body).outcomes
            if any(each.state != "applied" for each in outcomes):
                return Answer(0, b"", answer.body)
            self.waiting = ()
        return answer

    async def _pull(self, lines: Lines, scope: str) -> tuple[Answer, bool]:
        path = f"/api/changes?scope={quote(scope)}&cursor={self.cursors[scope]}"
        answer = await lines.ask(request("GET", path, self.token))
        if answer.status != OK:
            return answer, False
        page = _changes.decode(answer.body)
        self.cursors[scope] = page.cursor
        return answer, page.has_more

    def _event(self) -> Event:
        self.sequence += 1
        origin = f"app-{self.login}"
        named = (str(uuid4()), origin, self.sequence, f"lesson-{origin}")
        return Event(*named, "pupil-spoke", int(time.time()), "ab" * 32, WORDS)

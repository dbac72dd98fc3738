"""The reset path's socket: datagrams in, events to the core; what the core says, out.

The socket is the last to open, when the core is ready, and the only one that strangers reach. A
datagram is heard, answered and acted upon in one turn. What cannot be sent is counted and not
tried again here: everything that matters is repeated by the core or by its client.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Generic, TypeVar

import trio

from haconn.core.actions import Acknowledge, Ask, TellCheck, TellNotices, TellResult
from haconn.core.model import SystemKey
from haconn.core.outbox import REPEATS_S
from haconn.core.world import World
from haconn.daemon import translation
from haconn.daemon.datagrams import Datagrams, Place
from haconn.daemon.owner import Owner
from haconn.wire import events as heard
from haconn.wire.codes import Proof
from haconn.wire.keys import Key
from haconn.wire.server import ServerEnd

QUESTIONS_MAX = 512
"""Of each system, the requests whose last question is remembered, so that their RESULT goes where
it came from. What one system says drops nothing of another."""
T = TypeVar("T")


class ResetPath:
    """Speaks with every monitor."""

    def __init__(self, end: ServerEnd, owner: Owner, socket: Datagrams) -> None:
        self._end = end
        self._owner = owner
        self._socket = socket
        self._questions = Recent[heard.Spoke]()
        self._checks = Recent[heard.Checked]()

    @property
    def _world(self) -> World:
        return self._owner.world

    async def serve(self) -> None:
        """Hear datagrams; for ever."""
        while True:
            self.hear(*await self._socket.receive())

    def hear(self, datagram: bytes, source: Place) -> None:
        """Hear one datagram and act on it."""
        result = self._end.receive(datagram, source, trio.current_time())
        event = result.event
        if result.ask is not None:
            for place in self._home(result.ask):
                self._send_or_challenge(result.ask, (), place)
        answers = () if isinstance(event, heard.ResetRefused) else result.datagrams
        if event is None or isinstance(event, heard.SessionBegun):
            self._answer(answers, source)
            answers = ()
        if event is not None:
            self._remember(event)
            self._owner.take(translation.to_core(event))
            # what is acknowledged has to be in the journal: it is not said again
            self._answer(answers, source)
        if isinstance(event, heard.Registered):
            self._send(self._end.ack(event), source)

    def _remember(self, event: heard.Event) -> None:
        if isinstance(event, heard.ResetRequested | heard.ResetRefused):
            self._questions.put((event.key, event.request_id.hex()), event)
        if isinstance(event, heard.Checked):
            self._checks.put((event.key, str(event.token)), event)

    def _answer(self, answers: Iterable[bytes], source: Place) -> None:
        for answer in answers:
            self._send(answer, source)

    def acknowledge(self, action: Acknowledge) -> None:
        """ACK of a RESET_REQ, to where it came from."""
        event = self._questions.get((action.requester, action.request_id))
        if event is not None:
            self._send(self._end.ack(event), event.by.source)

    def ask(self, action: Ask) -> None:
        """Ask a system whether it lives."""
        for datagram in self._end.ask(action.key, trio.current_time()):
            self._send(datagram, (action.address, action.port))

    def tell_result(self, action: TellResult) -> None:
        """RESULT, to where the request came from and to the registered place."""
        event = self._questions.get((action.requester, action.request_id))
        request_id = translation.request_id(action.request_id)
        if request_id is None:
            return
        places = self._home(action.requester)
        if event is not None:
            places.add(event.by.source)
        proved = action.evidence is not None
        age_s = max(0.0, trio.current_time() - action.at) if proved else None
        for place in places:
            result = self._end.result(
                action.requester,
                request_id,
                action.target,
                translation.VERDICT_OF[action.outcome],
                translation.PROOF_OF[action.evidence],
                age_s,
                action.reason,
            )
            self._send_or_challenge(action.requester, () if result is None else (result,), place)

    def tell_notices(self, action: TellNotices) -> None:
        """NOTIFY, to the registered place."""
        proofs = {notice.about: self._proof(notice.about) for notice in action.notices}
        told = translation.notices(action, proofs, trio.current_time())
        datagrams = self._end.notify(action.receiver, told)
        self._send_or_challenge(action.receiver, datagrams, (action.address, action.port))

    def tell_check(self, action: TellCheck) -> None:
        """Answer a CHECK, to where it came from."""
        checked = self._checks.get((action.key, action.token))
        if checked is not None:
            checkups = [translation.checkup(target) for target in action.targets]
            self._send(self._end.check_reply(checked, checkups), checked.by.source)

    async def renew(self) -> None:
        """At activation every registered system is asked for a new session."""
        began = trio.current_time()
        for wait_s in REPEATS_S:
            await trio.sleep_until(began + wait_s)
            for system in list(self._world.systems.values()):
                if system.registration is not None and not self._end.in_session(system.key):
                    place = (system.registration.address, system.registration.port)
                    self._send_or_challenge(system.key, (), place)

    def exchange_keys(self, gone: Iterable[int], new: Iterable[Key]) -> None:
        """Retire keys and take others in, at once."""
        for key_id in gone:
            self._end.retire(key_id)
        for key in new:
            self._end.add(key)

    def dropped(self) -> dict[str, int]:
        """What was not believed, by reason, for the log."""
        return {drop.value: count for drop, count in self._end.dropped.items()}

    def _home(self, key: SystemKey) -> set[Place]:
        system = self._world.systems.get(key)
        place = system.registration if system else None
        return {(place.address, place.port)} if place else set()

    def _proof(self, key: SystemKey) -> Proof:
        system = self._world.systems.get(key)
        verdict = system.verdict if system else None
        return translation.PROOF_OF[verdict.evidence if verdict else None]

    def _send_or_challenge(
        self, key: SystemKey, datagrams: tuple[bytes, ...], place: Place
    ) -> None:
        """Without a session nothing can be said but a CHALLENGE; the core tries again later."""
        if not datagrams:
            datagrams = self._end.challenge(key, trio.current_time())
        for datagram in datagrams:
            self._send(datagram, place)

    def _send(self, datagram: bytes | None, place: Place) -> None:
        if datagram is not None:
            self._socket.send(datagram, place)


class Recent(Generic[T]):
    """The latest things of each system by name; its oldest goes when it has too many."""

    def __init__(self) -> None:
        self._kept: dict[SystemKey, OrderedDict[str, T]] = {}

    def put(self, name: tuple[SystemKey, str], value: T) -> None:
        """Remember."""
        system, one = name
        mine = self._kept.setdefault(system, OrderedDict())
        mine[one] = value
        mine.move_to_end(one)
        if len(mine) > QUESTIONS_MAX:
            mine.popitem(last=False)

    def get(self, name: tuple[SystemKey, str]) -> T | None:
        """Give it, or None."""
        system, one = name
        mine = self._kept.get(system)
        return None if mine is None else mine.get(one)

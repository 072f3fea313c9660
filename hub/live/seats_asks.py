"""What only the riders know: questions to them, and what their answers do.

Questions are not stored: what a hub forgets it asks again. What was answered is done through the
ordinary ways, by the login that answered. Times are hub ms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import structlog

from hub.auth.policy import Act
from hub.auth.principal import HOUSE, Principal
from hub.core.errors import Conflict, DernyError, NotFound
from hub.live.equipment import Equipment
from hub.live.ports import Memory
from hub.live.rights import Rights
from hub.live.roster import Roster
from hub.live.runner import Runner
from hub.live.seats import Seats
from hub.live.seats_pedal import Asking, Claim
from hub.live.seats_straps import Merge, nearest
from hub.live.seats_watch import COMPARE_EVERY_S, Pair, Watch
from hub.wire.live_views import AskKind, AskView

ASKING_MS = 60_000  # renewed by the page for as long as it shows "start pedalling"
ASKING_MAX = 200
QUESTION_MS = 2 * 60_000  # that nobody answers
QUESTIONS_MAX = 400
REFUSERS_MAX = 500
REFUSED_MAX = 50  # by one athlete; the oldest may be asked again
STRAPS_EVERY_S = 2
RECOGNISE_EVERY_S = 5

LOG = structlog.get_logger()


@dataclass(frozen=True)
class Question:
    """`to`: the athletes who may answer; a coach may answer a swap for them."""

    kind: AskKind
    to: tuple[str, ...]
    until_ms: int
    bikes: tuple[str, ...] = ()
    sensor_id: str = ""
    name: str = ""
    other: str = ""
    same_as: str = ""
    asker: Principal = HOUSE  # give_up: who wants the bike, and for whom
    wanted_by: str = ""
    session: str = ""
    agreed: set[str] = field(default_factory=set, compare=False)


class Asks:
    def __init__(
        self,
        seats: Seats,
        watch: Watch,
        roster: Roster,
        runner: Runner,
        equipment: Equipment,
        memory: Memory,
        rights: Rights,
        now_ms: Callable[[], int],
    ) -> None:
        self._seats = seats
        self._watch = watch
        self._roster = roster
        self._runner = runner
        self._equipment = equipment
        self._memory = memory
        self._rights = rights
        self._now_ms = now_ms
        self._asking: dict[str, tuple[Asking, Principal]] = {}  # by athlete
        self._questions: dict[str, Question] = {}
        self._refused: dict[str, dict[str, None]] = {}  # what, by athlete; oldest first
        self.version = 0  # grows when somebody's view is another
        self._beats = 0

    # Start pedalling

    def ask_for_bike(self, principal: Principal, athlete_id: str) -> int:
        """Until when the athlete waits for a bike that begins to turn. Raises Denied, NotFound."""
        self._rights.require(principal, Act.TAKE_SEAT, athlete_id)
        self._roster.athlete(athlete_id)
        now = self._now_ms()
        known = self._asking.get(athlete_id)
        if known is None and len(self._asking) >= ASKING_MAX:
            raise Conflict("too many wait for a bike", remedy="choose yours from the list")
        since_ms = now if known is None else known[0].since_ms
        self._asking[athlete_id] = (Asking(since_ms, now + ASKING_MS), principal)
        self.version += 1
        return now + ASKING_MS

    def stop_asking(self, principal: Principal, athlete_id: str) -> None:
        self._rights.require(principal, Act.TAKE_SEAT, athlete_id)
        self._asking.pop(athlete_id, None)
        self.version += 1

    def signed_out(self, login_id: str) -> None:
        """What this login waits for, and what it asked of others, is over."""
        waiting, asked = self._asking, self._questions
        self._asking = {a: one for a, one in waiting.items() if one[1].login_id != login_id}
        self._questions = {k: q for k, q in asked.items() if q.asker.login_id != login_id}
        self.version += 1

    def asking_until_ms(self, athlete_id: str) -> int | None:
        asking = self._asking.get(athlete_id)
        return None if asking is None else asking[0].until_ms

    # Questions

    def may_i_have(self, principal: Principal, bike: str, athlete_id: str) -> None:
        """Ask who sits there whether the athlete may have the bike."""
        rider = self._seats.rider_of(bike)
        self._put(
            f"give_up:{bike}:{athlete_id}",
            Question(
                AskKind.GIVE_UP,
                (rider,),
                self._now_ms() + QUESTION_MS,
                bikes=(bike,),
                asker=principal,
                wanted_by=athlete_id,
            ),
        )

    def wanted_by(self, athlete_id: str) -> str:
        """The bike that somebody was asked to give up for the athlete; "" when none."""
        asked = (q for q in self._questions.values() if q.wanted_by == athlete_id != "")
        return next((question.bikes[0] for question in asked), "")

    def shown(self, principal: Principal) -> tuple[AskView, ...]:
        return tuple(
            self._view(principal, ask, question)
            for ask, question in self._questions.items()
            if self._is_for(principal, question)
        )

    def _is_for(self, principal: Principal, question: Question) -> bool:
        if principal.athlete_id and principal.athlete_id in question.to:
            return True
        moves = (self._rights.has(principal, Act.TAKE_SEAT, athlete) for athlete in question.to)
        return question.kind is AskKind.SWAPPED and all(moves)

    def _view(self, principal: Principal, ask: str, question: Question) -> AskView:
        named = self._rights.named(principal, question.to)
        others = (athlete for athlete in question.to if athlete != principal.athlete_id)
        names = tuple(self._roster.name(a) if a in named else "" for a in others)
        return AskView(
            ask=ask,
            kind=question.kind,
            bikes=question.bikes,
            name=question.name,
            other=question.other,
            athletes=names if question.kind is AskKind.SWAPPED else (),
            answered=principal.athlete_id in question.agreed,
        )

    async def answer(self, principal: Principal, ask: str, yes: bool, bike: str = "") -> None:
        """Raises Denied, NotFound (also for a question to somebody else), Conflict, Unavailable."""
        self._rights.require(principal, Act.SEE_SEATS)
        question = self._questions.get(ask)
        if question is None or not self._is_for(principal, question):
            raise NotFound("no such question", remedy="it was answered, or is over")
        if yes:
            await self._yes(principal, ask, question, bike)
        else:
            self._no(question, principal)
            self._questions.pop(ask, None)
        self.version += 1

    async def _yes(self, principal: Principal, ask: str, question: Question, bike: str) -> None:
        athlete = question.to[0]
        match question.kind:
            case AskKind.WHICH_BIKE:
                if bike not in question.bikes:
                    raise NotFound("that bike was not among the choices")
                await self._seats.sit(principal, bike, athlete, key=f"ask:{ask}"[:64])
                self._asking.pop(athlete, None)
            case AskKind.STRAP:
                await self._take_strap(question.sensor_id, athlete)
            case AskKind.SAME_STRAP:
                await self._merge(question.sensor_id, question.same_as, athlete)
            case AskKind.GIVE_UP:
                wanted_by, wanted = question.wanted_by, question.bikes[0]
                if self._seats.rider_of(wanted) == athlete:
                    await self._seats.sit(question.asker, wanted, wanted_by, agreed=True)
            case AskKind.SWAPPED:
                if not await self._swap_if_agreed(principal, question):
                    return
        self._questions.pop(ask, None)

    def _no(self, question: Question, principal: Principal) -> None:
        what = {
            AskKind.STRAP: question.sensor_id,
            AskKind.SAME_STRAP: question.sensor_id,
            AskKind.SWAPPED: f"{question.session}:{':'.join(question.to)}",
        }.get(question.kind, "")
        self._refuse(question.to[0], what)
        if question.kind is AskKind.SAME_STRAP:
            self._runner.spawn(self._is_itself(question.sensor_id))

    def _refuse(self, athlete: str, what: str) -> None:
        if not what:
            return
        refused = self._refused.setdefault(athlete, {})
        refused[what] = None
        if len(refused) > REFUSED_MAX:
            del refused[next(iter(refused))]
        if len(self._refused) > REFUSERS_MAX:
            del self._refused[next(iter(self._refused))]

    def _is_refused(self, athlete: str, what: str) -> bool:
        return what in self._refused.get(athlete, {})

    # What answers do

    async def _take_strap(self, sensor_id: str, athlete: str) -> None:
        await self._roster.assign(sensor_id, athlete, swap=False)
        self._equipment.changed([athlete])

    async def _merge(self, sensor_id: str, same_as: str, athlete: str) -> None:
        await self._memory.alias(sensor_id, same_as)
        await self._take_strap(sensor_id, athlete)

    async def _is_itself(self, sensor_id: str) -> None:
        try:
            await self._memory.alias(sensor_id, sensor_id)
        except DernyError as error:
            LOG.warning("not_remembered", sensor=sensor_id, error=str(error))

    async def _swap_if_agreed(self, principal: Principal, question: Question) -> bool:
        """A coach's word is enough; riders must both say so."""
        coach = all(self._rights.has(principal, Act.TAKE_SEAT, one) for one in question.to)
        if not coach:
            question.agreed.add(principal.athlete_id)
            if question.agreed != set(question.to):
                return False
        first, second = question.to
        straps = self._watch.strap_of(first), self._watch.strap_of(second)
        for strap, athlete in zip(straps, (second, first), strict=True):
            if strap in self._roster.held:
                await self._roster.assign(strap, athlete, swap=True)
        self._equipment.changed(question.to)
        return True

    # Once a second

    async def beat(self, now: int) -> None:
        self._beats += 1
        self._stop_waiting(now)
        self._drop_stale(now)
        await self._claim(now)
        if self._beats % STRAPS_EVERY_S == 0:
            self._ask_about_straps(now)
        if self._beats % RECOGNISE_EVERY_S == 0:
            await self._recognise(now)
        rooms = list(self._runner.rooms.values())
        self._watch.follow(rooms, now)
        for i, room in enumerate(rooms):  # not all in the same second
            if room.is_running and (self._beats + i) % COMPARE_EVERY_S == 0:
                for pair in self._watch.compare(room):
                    self._ask_if_swapped(pair, now)

    def _stop_waiting(self, now: int) -> None:
        """Who waits no more, or sits: another bike that begins to turn is not theirs."""
        for athlete, (asking, _) in tuple(self._asking.items()):
            if asking.until_ms <= now or self._seats.seat_of(athlete) is not None:
                del self._asking[athlete]
                self.version += 1

    def _drop_stale(self, now: int) -> None:
        for ask, question in tuple(self._questions.items()):
            if question.until_ms <= now or self._is_settled(question):
                del self._questions[ask]
                self.version += 1

    def _is_settled(self, question: Question) -> bool:
        """Events have answered it."""
        match question.kind:
            case AskKind.WHICH_BIKE:
                sits = self._seats.seat_of(question.to[0]) is not None
                return sits or all(self._seats.rider_of(b) for b in self._known(question.bikes))
            case AskKind.GIVE_UP:
                bikes = self._known(question.bikes)
                return not bikes or self._seats.rider_of(bikes[0]) != question.to[0]
            case AskKind.STRAP | AskKind.SAME_STRAP:
                return question.sensor_id in self._roster.held
            case _:
                return self._runner.rooms.get(question.session) is None

    def _known(self, bikes: Iterable[str]) -> list[str]:
        return [bike for bike in bikes if bike in self._seats.bikes]

    async def _claim(self, now: int) -> None:
        spans = {athlete: span for athlete, (span, _) in self._asking.items()}
        for verdict in self._watch.decide(spans, now):
            if not isinstance(verdict, Claim):
                question = Question(
                    AskKind.WHICH_BIKE, (verdict.athlete,), now + QUESTION_MS, bikes=verdict.bikes
                )
                self._put(f"which_bike:{verdict.athlete}:{now}", question)
                continue
            waiting = self._asking.get(verdict.athlete)
            if waiting is None:
                continue  # gone while the one before was seated
            try:
                await self._seats.sit(waiting[1], verdict.bike, verdict.athlete)
            except DernyError as error:
                LOG.warning("bike_not_claimed", bike=verdict.bike, error=str(error))
            else:
                self._asking.pop(verdict.athlete, None)
                self.version += 1

    def _ask_about_straps(self, now: int) -> None:
        """Who sits on a bike and wears no strap is asked about the nearest."""
        asked = {
            athlete
            for q in self._questions.values()
            if q.kind in (AskKind.STRAP, AskKind.SAME_STRAP)
            for athlete in q.to
        }
        without = set(self._seats.seated()) - asked - self._watch.wearers()
        straps = list(self._watch.straps()) if without else []
        for athlete in sorted(without):
            if self._roster.is_demo(athlete):
                continue
            strap = nearest(straps, athlete, self._refused.get(athlete, {}).keys())
            if strap is not None:
                question = Question(
                    AskKind.STRAP,
                    (athlete,),
                    now + QUESTION_MS,
                    sensor_id=strap.sensor_id,
                    name=strap.name,
                )
                self._put(f"strap:{athlete}:{strap.sensor_id}", question)

    async def _recognise(self, now: int) -> None:
        for sensor_id, found in tuple(self._watch.merges()):
            if self._roster.is_demo(found.athlete) or self._is_refused(found.athlete, sensor_id):
                continue
            if found.sure:
                try:
                    await self._merge(sensor_id, found.same_as, found.athlete)
                except DernyError as error:
                    LOG.warning("strap_not_recognised", sensor=sensor_id, error=str(error))
            else:
                self._ask_if_same(sensor_id, found, now)

    def _ask_if_same(self, sensor_id: str, found: Merge, now: int) -> None:
        met, before = self._memory.known(sensor_id), self._memory.known(found.same_as)
        question = Question(
            AskKind.SAME_STRAP,
            (found.athlete,),
            now + QUESTION_MS,
            sensor_id=sensor_id,
            name="" if met is None else met.name,
            other="" if before is None else before.name,
            same_as=found.same_as,
        )
        self._put(f"same_strap:{sensor_id}", question)

    def _ask_if_swapped(self, pair: Pair, now: int) -> None:
        to = (pair.first, pair.second)
        if any(self._is_refused(a, f"{pair.session}:{':'.join(to)}") for a in to):
            return
        until_ms = now + 2 * COMPARE_EVERY_S * 1000
        question = Question(AskKind.SWAPPED, to, until_ms, session=pair.session)
        self._put(f"swapped:{pair.session}:{pair.first}:{pair.second}", question)

    def _put(self, ask: str, question: Question) -> None:
        """A question that stands is asked on; too many are not asked at all."""
        known = self._questions.get(ask)
        if known is not None:
            question.agreed.update(known.agreed)
        elif len(self._questions) >= QUESTIONS_MAX:
            LOG.warning("too_many_questions", kind=question.kind.value)
            return
        self._questions[ask] = question
        self.version += known is None

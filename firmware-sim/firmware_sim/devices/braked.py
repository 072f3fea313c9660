"""A sensor with a brake: whatever protocol it speaks, its rider feels the same."""

from __future__ import annotations

from firmware_sim.devices.body import Body
from firmware_sim.devices.brake import Brake
from firmware_sim.devices.gatt import Emission
from firmware_sim.devices.manners import Answers, Manners
from firmware_sim.devices.sensor import Identity, Sensor


class Braked(Sensor):
    # Runs from the mains; the service is there because the gateway may ask.
    battery_life_h = 1e9

    def __init__(
        self,
        identity: Identity,
        *,
        phase_ms: int = 0,
        battery_pct: float = 100.0,
        bias: float = 1.0,
        rider_kg: float = 75.0,
        manners: Manners | None = None,
    ) -> None:
        """`bias` is by how much its power reads more or less than the truth."""
        super().__init__(identity, phase_ms=phase_ms, battery_pct=battery_pct)
        self.brake = Brake(bias, rider_kg)
        self._manners = manners or Manners()
        self._answers = Answers(self._manners)
        self._rolled: list[Emission] = []

    def demand_w(self, body: Body) -> float | None:
        """The power that the brake asks of the rider; None leaves it to them."""
        return self.brake.demand_w(body)

    def feel(self, body: Body, now_ms: int) -> None:
        if self.brake.feel(body, now_ms):
            self._rolled += self.rolled()

    def rolled(self) -> list[Emission]:
        """What is said when a spin-down comes to its next step."""
        return []

    def advance(self, body: Body, now_ms: int) -> list[Emission]:
        emissions = super().advance(body, now_ms)
        rolled, self._rolled = self._rolled, []
        return [*emissions, *self._answers.due(now_ms), *rolled]

    def disconnected(self) -> None:
        self._answers.forget()

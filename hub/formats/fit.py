"""Activity -> FIT, as the FIT SDK's activity file guide asks for.

file_id, creator, the workout if there was one, sensors; then in the order of time timer events,
records, beat intervals and one lap for each phase; session and activity at the end.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from hub.core.metrics import Summary, summarize
from hub.formats.activity import ActivityFile, Column, Device, Lap
from hub.formats.fit_messages import FitWriter, fit_time
from hub.formats.fit_workout_writer import INTENSITIES, SPORTS, write_plan
from hub.formats.written import Losses
from hub.wire.uplink import SensorKind

# ble_device_type of the profile; the field itself is a bare number.
DEVICE_TYPES = {
    SensorKind.HEART_RATE: 1,
    SensorKind.POWER: 2,
    SensorKind.SPEED: 4,
    SensorKind.CADENCE: 5,
    SensorKind.RUN: 6,
    SensorKind.TRAINER: 7,
    # The profile's list of BLE devices has no treadmill, rower or cross trainer.
}

HRV_INTERVALS_MAX = 5  # beats in one hrv message


def write_activity(activity: ActivityFile) -> bytes:
    """The whole file. Takes about a second for three hours: keep it off the event loop."""
    return _ActivityWriter(activity).write()


class _ActivityWriter:
    def __init__(self, activity: ActivityFile) -> None:
        self._activity = activity
        self._fit = FitWriter()
        self._riding = activity.riding()
        self._laps = activity.laps or (Lap(0, activity.elapsed_s),)
        self._start = fit_time(activity.started_at_unix_ms)
        self._end = self._start + activity.elapsed_s

    def write(self) -> bytes:
        self._write_head()
        if self._activity.workout is not None:
            # One by one: a lap names the step that it rode.
            workout = self._activity.workout
            write_plan(self._fit, workout, workout.steps, Losses())
        self._write_devices()
        self._write_ride()
        self._write_tail()
        return self._fit.close()

    def _write_head(self) -> None:
        activity = self._activity
        self._fit.message(
            "FILE_ID",
            type="activity",
            manufacturer="development",
            product=0,
            product_name="Derny",
            time_created=self._start,
        )
        self._fit.message("FILE_CREATOR", software_version=0)
        sport, sub_sport = SPORTS.get(activity.sport, ("generic", "generic"))
        self._fit.message("SPORT", sport=sport, sub_sport=sub_sport, name=activity.name)
        self._fit.message(
            "ZONES_TARGET",
            functional_threshold_power=activity.ftp_w,
            max_heart_rate=activity.max_heart_rate_bpm,
        )

    def _write_devices(self) -> None:
        self._fit.message(
            "DEVICE_INFO",
            timestamp=self._start,
            device_index=0,
            manufacturer="development",
            product_name="Derny",
            descriptor=self._activity.software,
            source_type="local",
        )
        for index, device in enumerate(self._activity.devices, start=1):
            self._write_device(index, device)

    def _write_device(self, index: int, device: Device) -> None:
        self._fit.message(
            "DEVICE_INFO",
            timestamp=self._start,
            device_index=index,
            device_type=None if device.kind is None else DEVICE_TYPES.get(device.kind),
            # Makers are numbers in FIT, and an advertised name is not one of them.
            product_name=" ".join(filter(None, (device.manufacturer, device.model))),
            descriptor=device.name,
            battery_level=device.battery_pct,
            source_type="bluetooth_low_energy",
        )

    def _write_ride(self) -> None:
        timer = self._timer_events()
        laps_ending: dict[int, list[tuple[int, Lap]]] = defaultdict(list)
        for index, lap in enumerate(self._laps):
            laps_ending[lap.ends_s].append((index, lap))
        rows, beats = self._record_rows(), dict(self._beats())
        for second in range(self._activity.elapsed_s + 1):
            for index, lap in laps_ending.get(second, ()):
                self._write_lap(index, lap)
            if second in timer:
                self._write_timer(second, timer[second])
            if second in rows:
                self._fit.message("RECORD", timestamp=self._start + second, **rows[second])
            for intervals_s in beats.get(second, ()):
                self._fit.message("HRV", time=intervals_s)

    def _timer_events(self) -> dict[int, str]:
        """Second -> what the timer does. Pauses that touch are one."""
        edges = np.diff(self._riding.astype(np.int8), prepend=0, append=0)
        return {int(s): "start" if edges[s] > 0 else "stop_all" for s in np.flatnonzero(edges)}

    def _write_timer(self, second: int, event_type: str) -> None:
        self._fit.message(
            "EVENT", timestamp=self._start + second, event="timer", event_type=event_type
        )

    def _record_rows(self) -> dict[int, dict[str, float]]:
        """Riding seconds in which anything was measured, with their values."""
        activity = self._activity
        measured = ~np.all(np.isnan(activity.columns), axis=0) & self._riding
        columns = {
            "power": activity.power_w,
            "heart_rate": activity.heart_rate_bpm,
            "cadence": activity.cadence_rpm,
            "speed": activity.speed_kmh / 3.6,
            "distance": self._distance_m(),
        }
        lists = {name: column.tolist() for name, column in columns.items()}
        return {
            second: {name: values[second] for name, values in lists.items()}
            for second in np.flatnonzero(measured).tolist()
        }

    def _distance_m(self) -> Column:
        """Distance at the end of each second; NaN throughout when speed was never measured."""
        speed_kmh = self._activity.speed_kmh
        if np.isnan(speed_kmh).all():
            return speed_kmh
        ridden: Column = np.cumsum(np.where(self._riding, np.nan_to_num(speed_kmh), 0.0)) / 3.6
        return ridden

    def _beats(self) -> dict[int, list[list[float]]]:
        """Second -> hrv messages of at most five intervals, in seconds."""
        beats: dict[int, list[list[float]]] = {}
        for second, intervals_ms in self._activity.rr_ms:
            if 0 <= second < self._activity.elapsed_s and self._riding[second]:
                seconds = [interval / 1000 for interval in intervals_ms]
                beats.setdefault(second, []).extend(
                    seconds[i : i + HRV_INTERVALS_MAX]
                    for i in range(0, len(seconds), HRV_INTERVALS_MAX)
                )
        return beats

    def _summary(self, begins_s: int, ends_s: int) -> Summary:
        rows = np.arange(begins_s, ends_s)[self._riding[begins_s:ends_s]]
        activity = self._activity
        return summarize(
            elapsed_s=ends_s - begins_s,
            power_w=activity.power_w[rows],
            heart_rate_bpm=activity.heart_rate_bpm[rows],
            cadence_rpm=activity.cadence_rpm[rows],
            speed_kmh=activity.speed_kmh[rows],
            ftp_w=activity.ftp_w,
        )

    def _write_lap(self, index: int, lap: Lap) -> None:
        last = index + 1 == len(self._laps)
        by_itself = "session_end" if last else "time"
        sport, sub_sport = SPORTS.get(self._activity.sport, ("generic", "generic"))
        self._fit.message(
            "LAP",
            message_index=index,
            timestamp=self._start + lap.ends_s,
            start_time=self._start + lap.begins_s,
            event="lap",
            event_type="stop",
            lap_trigger="manual" if lap.by_hand else by_itself,
            intensity=None if lap.kind is None else INTENSITIES[lap.kind],
            wkt_step_index=lap.step,
            sport=sport,
            sub_sport=sub_sport,
            **_totals(self._summary(lap.begins_s, lap.ends_s)),
        )

    def _write_tail(self) -> None:
        activity = self._activity
        summary = self._summary(0, activity.elapsed_s)
        sport, sub_sport = SPORTS.get(activity.sport, ("generic", "generic"))
        self._fit.message(
            "SESSION",
            message_index=0,
            timestamp=self._end,
            start_time=self._start,
            event="session",
            event_type="stop",
            trigger="activity_end",
            sport=sport,
            sub_sport=sub_sport,
            sport_profile_name=activity.name,
            first_lap_index=0,
            num_laps=len(self._laps),
            threshold_power=activity.ftp_w,
            intensity_factor=summary.intensity,
            training_stress_score=summary.load,
            workout_rpe=None if activity.rpe is None else activity.rpe * 10,
            **_totals(summary),
        )
        offset_s = activity.utc_offset_s
        self._fit.message(
            "ACTIVITY",
            timestamp=self._end,
            local_timestamp=None if offset_s is None else self._end + offset_s,
            total_timer_time=summary.riding_s,
            num_sessions=1,
            type="manual",
            event="activity",
            event_type="stop",
        )


def _totals(summary: Summary) -> dict[str, float | None]:
    """The fields that laps and sessions have in common."""
    return {
        "total_elapsed_time": summary.elapsed_s,
        "total_timer_time": summary.riding_s,
        "total_moving_time": summary.moving_s,
        "total_distance": summary.distance_m,
        "total_work": None if summary.work_kj is None else summary.work_kj * 1000,
        "total_calories": summary.energy_kcal,
        "avg_power": summary.average_power_w,
        "max_power": summary.max_power_w,
        "normalized_power": summary.weighted_power_w,
        "avg_heart_rate": summary.average_heart_rate_bpm,
        "max_heart_rate": summary.max_heart_rate_bpm,
        "avg_cadence": summary.average_cadence_rpm,
        "max_cadence": summary.max_cadence_rpm,
        "avg_speed": _mps(summary.average_speed_kmh),
        "max_speed": _mps(summary.max_speed_kmh),
    }


def _mps(speed_kmh: float | None) -> float | None:
    return None if speed_kmh is None else speed_kmh / 3.6

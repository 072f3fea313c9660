"""What a ride becomes: the session's log and the sensors' readings, made one record. Pure.

ride.py    the session's log -> one athlete's Ride
build.py   Ride + readings -> Activity and Streams
record.py  what those are
export.py  the record -> hub.formats.activity.ActivityFile
"""

from hub.activity.build import build
from hub.activity.export import to_fit
from hub.activity.record import Activity, Device, Recorded, Streams, activity_id
from hub.activity.ride import Ride, ride_of
from hub.activity.track import LEAD_IN_MS, Placed

__all__ = [
    "LEAD_IN_MS",
    "Activity",
    "Device",
    "Placed",
    "Recorded",
    "Ride",
    "Streams",
    "activity_id",
    "build",
    "ride_of",
    "to_fit",
]

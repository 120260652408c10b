"""Cron schedules exactly as the CronJob controller reads them.

`parse` turns the text of `spec.schedule` into a `Schedule`, which answers when it runs; `describe`
says it in words; `zone` loads what `spec.timeZone` names.
"""

from leviathan_tui.backend.schedules.errors import ScheduleError
from leviathan_tui.backend.schedules.parser import parse
from leviathan_tui.backend.schedules.schedule import CronSchedule, IntervalSchedule, Schedule
from leviathan_tui.backend.schedules.words import describe
from leviathan_tui.backend.schedules.zones import zone

__all__ = [
    "CronSchedule",
    "IntervalSchedule",
    "Schedule",
    "ScheduleError",
    "describe",
    "parse",
    "zone",
]

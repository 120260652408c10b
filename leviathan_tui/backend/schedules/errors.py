"""What is wrong with a schedule, in a sentence for the person who wrote it."""


class ScheduleError(ValueError):
    """A schedule or time zone that Kubernetes refuses; the text says why and what it accepts."""

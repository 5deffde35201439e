"""The time of a test: it stands still until the test moves it."""

START = 1_800_000_000.0
"""15 January 2027: far from today, so that whoever asks the machine's own clock is found out."""


class ManualClock:
    """Call it for the time in epoch seconds."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds

"""Run the race by itself: python -m bench.race [--full] [--out FILE]."""

from bench.finding import measured
from bench.race import __doc__ as says
from bench.race import race

if __name__ == "__main__":
    measured(race, says)

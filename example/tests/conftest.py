import sys
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[1]

# The two images have roots of their own.
sys.path[:0] = [str(EXAMPLE / "webapp"), str(EXAMPLE / "worker")]

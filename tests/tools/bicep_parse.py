"""Parses a Bicep file from standard input with a parser that nobody here wrote, and prints its tree as JSON."""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "python"))

from pycep import BicepParser  # noqa: E402

json.dump(BicepParser().parse(text=sys.stdin.read()), sys.stdout, default=str)

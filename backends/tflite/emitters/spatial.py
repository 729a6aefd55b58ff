"""Convolutions, pools and resizes."""

from ..graph import TfliteTable

TABLE = TfliteTable()

"""The map of data in short: what is kept about whom and how long, with the days that an installation has set. For
readers of a page: no names of tables.
"""

from parvis.records.v1 import records_pb2 as pb
from parvis_records.map import Map, Table


def summary(told: Map, settings: object) -> list[pb.Holding]:
    """Each kind of keeping once, in the order of the map. Durations with a name are those of `settings`."""
    found = [_holding(table, settings) for table in told]
    return [each for index, each in enumerate(found) if each not in found[:index]]


def _holding(table: Table, settings: object) -> pb.Holding:
    keep = table.keep
    return pb.Holding(
        topic=table.topic,
        about=table.about,
        until=keep.until,
        days=getattr(settings, keep.setting, keep.days) if keep.setting else keep.days,
        law=keep.law,
        erased=table.erase,
        because=table.because,
    )

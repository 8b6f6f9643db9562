"""What a service keeps about people and organisations: the map of it, and what is done by the map (docs/adr/0031).

`map` holds the shape in which services declare their tables, `reading` pages through rows by it, `RecordsRpc` answers
the contract `parvis.records.v1` with that: the same in every service.
"""

from parvis_records.rpc import CALLERS, CONTRACT, Files, RecordsRpc, memberships_from

__all__ = ["CALLERS", "CONTRACT", "Files", "RecordsRpc", "memberships_from"]

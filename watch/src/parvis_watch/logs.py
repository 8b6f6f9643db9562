"""Structured logs: one JSON object a line on standard output, with the service and the trace of what was going on."""

import logging
import sys
import traceback
from typing import Any

import structlog

from parvis_watch.traces import traceparent
from parvis_watch.words import said

#: Writes whatever is proof of something (a refusal, an anchor, a forged trail): no setting leaves such lines out.
evidence: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
    None, wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET), cache_logger_on_first_use=False
)


def configure_logs(service: str, level: str) -> None:
    """Every logger, the standard library's included, writes JSON lines that name the service."""

    def trace(_: object, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
        if found := traceparent():
            line["trace_id"] = found.split("-")[1]
        return line

    threshold = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        trace,
        lambda _, __, line: {**line, "service": service},
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        lambda _, __, line: {
            key: said(each) if isinstance(each, BaseException) else each for key, each in line.items()
        },
        structlog.processors.ExceptionRenderer(lambda failure: _failure(failure[1])),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(level=max(threshold, logging.WARNING), handlers=[handler], force=True)


def _failure(error: BaseException | None) -> list[dict[str, Any]]:
    """An error and what led to it, each with where it went. Neither local variables nor an error's own words as they
    are: they hold tokens, passwords and people's names.
    """
    told: list[dict[str, Any]] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        frames = [
            {"filename": frame.f_code.co_filename, "lineno": line, "name": frame.f_code.co_name}
            for frame, line in traceback.walk_tb(error.__traceback__)
        ]
        told.append({"exc_type": type(error).__name__, "exc_value": said(error), "frames": frames})
        if isinstance(error, BaseExceptionGroup):
            told[-1]["exceptions"] = [_failure(each) for each in error.exceptions]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return told

"""The one writer: a thread with the only writing connection, and a queue before it.

Whatever waits is written in one transaction, each job under a savepoint of its own, so that a job that
fails fails alone; nobody is answered before the group is on disk.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from .errors import Closed, NotKept, Overloaded
from .schema import reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine

T = TypeVar("T")
MOST_WAITING = 20_000
MOST_IN_GROUP = 500


class Follower(Protocol):
    """What must follow the database: it is told, in the writer's thread, how each job and each group ended."""

    def job_undone(self) -> None:
        """The job that just ran was rolled back, the group goes on."""

    def group_kept(self) -> None:
        """The group is on disk; nobody has been answered yet."""

    def group_undone(self) -> None:
        """The whole group was rolled back."""


class _Job(NamedTuple):
    work: Callable[[Connection], Any]
    answer: Future[Any]


class Writer:
    """Runs jobs in the order in which they came. `counts`: jobs and groups kept, jobs failed, most waiting at once."""

    def __init__(self, engine: Engine, follower: Follower) -> None:
        self._engine, self._follower = engine, follower
        self._waiting: deque[_Job] = deque()
        self._change = threading.Condition()
        self._closing = False
        self._current: Connection | None = None
        self.counts = {"jobs": 0, "groups": 0, "failed": 0, "most_waiting": 0}
        self._thread = threading.Thread(target=self._run, name="tocsin-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[Connection], T]) -> Future[T]:
        """Queue `work`; its answer comes once it is on disk. Raises `Closed` or `Overloaded` at once."""
        answer: Future[T] = Future()
        with self._change:
            if self._closing:
                raise Closed
            if len(self._waiting) >= MOST_WAITING:
                raise Overloaded(f"{MOST_WAITING:,} writes wait already: nothing was written, try again")
            self._waiting.append(_Job(work, answer))
            self.counts["most_waiting"] = max(self.counts["most_waiting"], len(self._waiting))
            self._change.notify()
        return answer

    def here(self) -> Connection | None:
        """The connection of the job that is running, if the caller is that job; elsewhere None."""
        return self._current if threading.current_thread() is self._thread else None

    def close(self) -> None:
        """Write what waits, then end; again changes nothing."""
        with self._change:
            self._closing = True
            self._change.notify()
        self._thread.join()

    def _run(self) -> None:
        while group := self._next_group():
            if live := [job for job in group if job.answer.set_running_or_notify_cancel()]:
                self._write(live)

    def _next_group(self) -> list[_Job]:
        with self._change:
            while not self._waiting and not self._closing:
                self._change.wait()
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_IN_GROUP))]

    def _write(self, group: list[_Job]) -> None:
        results: list[tuple[_Job, Any, BaseException | None]] = []
        try:
            with self._engine.begin() as connection:
                results.extend((job, *self._attempt(connection, job)) for job in group)
            self._follower.group_kept()
        except SQLAlchemyError as error:
            self._undo(group, NotKept(reason(error)))
        except BaseException as error:  # noqa: BLE001 - the thread must outlive whatever a job does, and say so to all who wait
            self._undo(group, error)
        else:
            self.counts["groups"] += 1
            for job, result, failure in results:
                if failure is None:
                    self.counts["jobs"] += 1
                    job.answer.set_result(result)
                else:
                    self.counts["failed"] += 1
                    job.answer.set_exception(failure)

    def _attempt(self, connection: Connection, job: _Job) -> tuple[Any, BaseException | None]:
        # Said to the driver itself: SQLAlchemy's own savepoints cost more than the insert between them.
        cursor = connection.connection.cursor()
        self._say(cursor, "SAVEPOINT tocsin_job")
        self._current = connection
        result: Any = None
        failure: Exception | None = None
        try:
            result = job.work(connection)
        except SQLAlchemyError as error:
            failure = NotKept(reason(error))
        except Exception as error:  # noqa: BLE001 - it belongs to whoever asked for the job
            failure = error
        finally:
            self._current = None
        if failure is not None:
            try:
                self._say(cursor, "ROLLBACK TO SAVEPOINT tocsin_job")
            except NotKept as ended:
                raise (failure if isinstance(failure, NotKept) else ended) from None
            self._follower.job_undone()
        self._say(cursor, "RELEASE SAVEPOINT tocsin_job")
        cursor.close()
        return result, failure

    def _say(self, cursor: Any, command: str) -> None:
        # A database in trouble (disk full) may have ended the transaction by itself; then the whole group fails.
        try:
            cursor.execute(command)
        except self._engine.dialect.loaded_dbapi.Error as error:
            raise NotKept(reason(error)) from None

    def _undo(self, group: list[_Job], error: BaseException) -> None:
        self._follower.group_undone()
        self.counts["failed"] += len(group)
        for job in group:
            job.answer.set_exception(error)

"""Jobs that outlive reruns and are shared by all visitors; the workers never call Streamlit.

A job is an iterator of growing results. A worker advances one job a step at a time and, between
steps, turns to whatever is more urgent, so that a long background job never holds up a visitor.
Of what is equally urgent, that comes first which somebody is looking at; visitors take turns, and
the jobs of one visitor follow each other.
"""

from __future__ import annotations

import atexit
import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import streamlit as st

from radar_core.errors import Cancelled, RadarError
from radar_core.runtime import Progress
from radar_core.settings import settings

log = logging.getLogger(__name__)

INTERACTIVE, BACKGROUND = 0, 1
OWNER_SECONDS = 90.0  # a tab in the background is polled by its browser about once a minute
LOOKED_AT_SECONDS = 4.0  # since a page last asked how far a job is; one in sight asks every second
BUG = "Something went wrong inside RADAR; the log of the server says what. Try again."

State = Literal["waiting", "running", "done", "failed", "cancelled"]
Steps = Callable[[Progress], Iterator[Any]]


@dataclass(eq=False)
class Job:
    """One computation: its state, its progress and the last result it gave.

    Attributes:
        value: the last result; results before it are dropped. None before the first.
        version: how many results there were; one given again is no other.
        error: one sentence, where the state is *failed*.
        about: the hash of the upload that it works on; empty where it works on none.
        owners: who waits for it, and when each asked for it last.
        lasting: the owners who go on waiting though they look elsewhere.
    """

    key: str
    steps: Steps
    priority: int
    number: int
    state: State = "waiting"
    fraction: float = 0.0
    note: str = ""
    value: Any = None
    version: int = 0
    error: str = ""
    about: str = ""
    owners: dict[str, float] = field(default_factory=dict)
    lasting: set[str] = field(default_factory=set)
    stop: threading.Event = field(default_factory=threading.Event)
    iterator: Iterator[Any] | None = None

    @property
    def active(self) -> bool:
        """Whether more is to come."""
        return self.state in ("waiting", "running")

    @property
    def weight(self) -> int:
        """Bytes that the result holds, as it says itself (`nbytes`)."""
        return int(getattr(self.value, "nbytes", 0))


class JobStore:
    """Jobs by content key, one worker thread, results bounded by number and by size.

    Args:
        name: of the worker thread.
        keep: finished jobs kept.
        megabytes: what the results of finished jobs may take together.
        clock: seconds, for the expiry of owners.
    """

    def __init__(
        self,
        name: str,
        *,
        keep: int = 64,
        megabytes: float = 256,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name, self.keep, self.limit, self._clock = name, keep, megabytes * 2**20, clock
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._slots: dict[tuple[str, str], str] = {}
        self._turns: dict[str, int] = {}  # owner -> when something of theirs was advanced last
        self._turn = 0
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._number = 0
        self._closed = False

    def submit(
        self,
        key: str,
        steps: Steps,
        *,
        owner: str,
        slot: str,
        priority: int = INTERACTIVE,
        lasting: bool = False,
        about: str = "",
    ) -> Job:
        """The job of that key, started unless it runs or is done; this owner now waits for it.

        An owner waits for one job a slot: for the one it waited for before in this slot, it waits
        no longer. A failed job is not started again (see `forget`). A lasting one goes on when its
        owner looks elsewhere, until it is released.
        """
        with self._wake:
            if self._slots.get((owner, slot)) not in (None, key):
                self._release(owner, slot)
            job = self._jobs.get(key)
            if job is None or job.state == "cancelled" or (job.active and job.stop.is_set()):
                self._number += 1
                job = self._jobs[key] = Job(key, steps, priority, self._number, about=about)
                self._start()
            job.priority = min(job.priority, priority)
            job.owners[owner] = self._clock()
            if lasting:
                job.lasting.add(owner)
            self._slots[owner, slot] = key
            self._jobs.move_to_end(key)
            self._wake.notify_all()
            return job

    def get(self, key: str, owner: str) -> Job | None:
        """The job of that key, if it is still kept; tells that this owner still watches."""
        with self._wake:
            job = self._jobs.get(key)
            if job is not None:
                self._jobs.move_to_end(key)
                if owner in job.owners:
                    job.owners[owner] = self._clock()
            return job

    def release(self, owner: str, slot: str) -> None:
        """This owner waits no longer; the job is cancelled unless another one waits for it."""
        with self._wake:
            self._release(owner, slot)

    def forget(self, key: str) -> None:
        """Drop a job that is not active, so that it can be started again."""
        with self._wake:
            if key in self._jobs and not self._jobs[key].active:
                del self._jobs[key]

    def forget_finished(self) -> None:
        """Drop every result: a name that they were computed under means something else now."""
        with self._wake:
            self._jobs = OrderedDict((k, job) for k, job in self._jobs.items() if job.active)
            self._slots = {place: k for place, k in self._slots.items() if k in self._jobs}

    def forget_about(self, about: str, owner: str) -> None:
        """Drop all that is known of an upload; what another one also waits for goes on for them."""
        with self._wake:
            for (of, slot), key in list(self._slots.items()):
                if of == owner and key in self._jobs and self._jobs[key].about == about:
                    self._release(of, slot)
            for key, job in list(self._jobs.items()):
                if job.about == about and not job.active:
                    del self._jobs[key]

    def close(self) -> None:
        """Stop the worker; jobs under way are cancelled."""
        with self._wake:
            self._closed = True
            for job in self._jobs.values():
                job.stop.set()
            self._wake.notify_all()
        if self._thread is not None:
            self._thread.join(timeout=10)
        atexit.unregister(self.close)

    def weight(self) -> int:
        """Bytes held by all results."""
        with self._wake:
            return sum(job.weight for job in self._jobs.values())

    def __len__(self) -> int:
        return len(self._jobs)

    def _release(self, owner: str, slot: str) -> None:
        key = self._slots.pop((owner, slot), None)
        job = self._jobs.get(key) if key else None
        if job is None or any(o == owner and k == key for (o, _), k in self._slots.items()):
            return
        self._disown(job, owner)
        self._drop_unwanted(job)

    def _drop_unwanted(self, job: Job) -> None:
        """Cancel an active job whose owners have gone or have not been seen for long."""
        now = self._clock()
        for owner in [
            owner
            for owner, seen in job.owners.items()
            if owner not in job.lasting and now - seen > OWNER_SECONDS
        ]:
            self._disown(job, owner)
            for place in [p for p, k in self._slots.items() if p[0] == owner and k == job.key]:
                del self._slots[place]
        if job.active and not job.owners:
            job.stop.set()
            if job.state == "waiting":
                self._finish(job, "cancelled")

    @staticmethod
    def _disown(job: Job, owner: str) -> None:
        job.owners.pop(owner, None)
        job.lasting.discard(owner)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self.name, daemon=True)
            self._thread.start()
            atexit.register(self.close)  # a thread cut off inside PyTorch aborts the process

    def _next(self) -> Job | None:
        """The most urgent job, waiting for one to come; None when closed."""
        while not self._closed:
            if (job := self._most_urgent()) is not None:
                return job
            self._wake.wait()
        return None

    def _most_urgent(self) -> Job | None:
        for job in list(self._jobs.values()):
            if job.active:
                self._drop_unwanted(job)
        active = [job for job in self._jobs.values() if job.active]
        if not active:
            return None
        job = min(active, key=self._order)
        waiting = {owner for one in active for owner in one.owners}
        self._turns = {owner: turn for owner, turn in self._turns.items() if owner in waiting}
        self._turn += 1
        self._turns |= dict.fromkeys(job.owners, self._turn)
        return job

    def _order(self, job: Job) -> tuple[int, bool, int, int]:
        unseen = self._clock() - max(job.owners.values(), default=-math.inf) > LOOKED_AT_SECONDS
        turn = min((self._turns.get(owner, 0) for owner in job.owners), default=0)
        return job.priority, unseen, turn, job.number

    def _work(self) -> None:
        while True:
            with self._wake:
                job = self._next()
                if job is None:
                    return
                job.state = "running"
            self._advance(job)
            del job  # while this thread waits, it must not keep what was forgotten

    def _advance(self, job: Job) -> None:
        """One step of one job; the outermost boundary for errors of a computation."""

        def report(fraction: float, note: str) -> None:
            job.fraction, job.note = fraction, note
            with self._wake:
                self._drop_unwanted(job)

        progress = Progress(report, job.stop)
        try:
            progress.step(job.fraction, job.note)
            if job.iterator is None:
                job.iterator = job.steps(progress)
            value = next(job.iterator)
        except StopIteration:
            job.fraction = 1.0
            state: State = "done"
        except Cancelled:
            state = "cancelled"
        except RadarError as error:
            job.error, state = str(error), "failed"
        except Exception:
            log.exception("job %s failed", job.key)
            job.error, state = BUG, "failed"
        else:
            with self._wake:
                job.version += value is not job.value
                job.value = value
            return
        with self._wake:
            self._finish(job, state)

    def _finish(self, job: Job, state: State) -> None:
        job.state, job.iterator = state, None
        if state == "cancelled" and self._jobs.get(job.key) is job:
            del self._jobs[job.key]
        ended = [j for j in self._jobs.values() if not j.active]
        total = sum(j.weight for j in ended)
        for old in ended[:-1]:  # the newest stays, however large
            if len(ended) <= self.keep and total <= self.limit:
                break
            ended.remove(old)
            total -= old.weight
            del self._jobs[old.key]
            self._slots = {place: k for place, k in self._slots.items() if k != old.key}


@st.cache_resource(show_spinner=False, on_release=JobStore.close)
def device_jobs() -> JobStore:
    """The jobs that use the model: one worker, since there is one device."""
    return JobStore("device", keep=64, megabytes=settings().cache_mb * 0.85)


@st.cache_resource(show_spinner=False, on_release=JobStore.close)
def picture_jobs() -> JobStore:
    """The jobs that only make thumbnails; they do not wait for the device."""
    return JobStore("pictures", keep=128, megabytes=settings().cache_mb * 0.15)


@st.cache_resource(show_spinner=False, on_release=JobStore.close)
def fetch_jobs() -> JobStore:
    """The downloads of data sets; they do not wait for the device."""
    return JobStore("downloads", keep=16)


@st.cache_resource(show_spinner=False, on_release=JobStore.close)
def summary_jobs() -> JobStore:
    """Estimates of experiments and what their explanations betray; no model of this process."""
    return JobStore("summaries", keep=32)


@st.cache_resource(show_spinner=False, on_release=JobStore.close)
def layout_jobs() -> JobStore:
    """Reading and laying out points: minutes of another process, no model of this one."""
    return JobStore("layouts", keep=12)


@st.cache_resource(show_spinner=False, on_release=JobStore.close)
def adoption_jobs() -> JobStore:
    """Looking into files of models and taking them in; few are kept, for they hold the weights."""
    return JobStore("adoption", keep=2)

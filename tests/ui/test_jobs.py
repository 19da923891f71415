"""The job store: sharing, cancelling, urgency, bounds, expiry, errors."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from radar_core.errors import BadParameter
from radar_core.runtime import Progress
from radar_core.ui.jobs import (
    BACKGROUND,
    BUG,
    LOOKED_AT_SECONDS,
    OWNER_SECONDS,
    Job,
    JobStore,
    Steps,
)


@dataclass(eq=False)
class Result:
    """A result of a stated size."""

    nbytes: int


class Work:
    """Jobs that go on only when the test lets them, and tell what they did."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.gates: dict[str, threading.Semaphore] = {}
        self.began = threading.Semaphore(0)

    def steps(self, name: str, count: int = 1) -> Steps:
        """A job of `count` results; each waits until it is let through."""
        gate = self.gates.setdefault(name, threading.Semaphore(0))

        def run(progress: Progress) -> Iterator[Result]:
            for i in range(count):
                self.log.append(f"{name}{i}")
                self.began.release()
                while not gate.acquire(timeout=0.01):
                    progress.step(i / count, f"{name} {i}")
                progress.step((i + 1) / count)
                yield Result(i + 1)

        return run

    def let(self, name: str, count: int = 1) -> None:
        """Let some results through."""
        for _ in range(count):
            self.gates[name].release()

    def wait_for_one(self) -> None:
        """Until a further result is being worked on."""
        assert self.began.acquire(timeout=5)


def until(condition: Callable[[], bool]) -> None:
    """Wait until something is true."""
    event = threading.Event()
    for _ in range(1000):
        if condition():
            return
        event.wait(0.005)
    pytest.fail("it never became true")


def given(*sizes: int) -> Steps:
    """A job that gives results of these sizes at once."""

    def run(progress: Progress) -> Iterator[Result]:
        yield from map(Result, sizes)

    return run


@pytest.fixture
def store() -> Iterator[JobStore]:
    """A store with a clock that the test may move (`store.now`)."""
    made = JobStore("test", keep=3, megabytes=1, clock=lambda: made.now)
    made.now = 0.0
    yield made
    made.close()


@pytest.fixture
def work() -> Work:
    return Work()


def ended(job: Job) -> bool:
    return not job.active


def test_two_owners_of_one_key_share_one_run(store: JobStore, work: Work) -> None:
    first = store.submit("a", work.steps("a"), owner="one", slot="case")
    second = store.submit("a", work.steps("a"), owner="two", slot="case")
    work.let("a")
    until(lambda: ended(first))
    assert first is second
    assert work.log == ["a0"]
    assert (first.state, first.fraction, first.value.nbytes) == ("done", 1.0, 1)


def test_many_threads_submitting_the_same_make_one_run(store: JobStore, work: Work) -> None:
    jobs: list[Job] = []
    barrier = threading.Barrier(16)

    def visit(number: int) -> None:
        barrier.wait()
        jobs.append(store.submit("a", work.steps("a"), owner=str(number), slot="case"))

    threads = [threading.Thread(target=visit, args=(i,)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    work.let("a")
    until(lambda: ended(jobs[0]))
    assert len(set(map(id, jobs))) == 1
    assert work.log == ["a0"]


def test_results_are_there_as_they_come(store: JobStore, work: Work) -> None:
    job = store.submit("a", work.steps("a", 3), owner="one", slot="case")
    work.let("a")
    until(lambda: job.version == 1)
    assert job.active
    assert job.value.nbytes == 1
    work.let("a", 2)
    until(lambda: ended(job))
    assert (job.version, job.value.nbytes) == (3, 3)


def test_a_result_given_again_is_no_other(store: JobStore) -> None:
    one = Result(1)
    job = store.submit("a", lambda _: iter((one, one)), owner="one", slot="case")
    until(lambda: ended(job))
    assert (job.version, job.value) == (1, one)


def test_moving_on_cancels_what_nobody_else_waits_for(store: JobStore, work: Work) -> None:
    running = store.submit("a", work.steps("a"), owner="one", slot="case")
    work.wait_for_one()
    waiting = store.submit("b", work.steps("b"), owner="one", slot="case")
    last = store.submit("c", work.steps("c"), owner="one", slot="case")
    until(lambda: running.state == "cancelled")
    assert waiting.state == "cancelled"
    work.let("c")
    until(lambda: last.state == "done")
    assert work.log == ["a0", "c0"]
    assert store.get("a", "one") is None


def test_moving_on_leaves_the_job_to_another_owner(store: JobStore, work: Work) -> None:
    shared = store.submit("a", work.steps("a"), owner="one", slot="case")
    store.submit("a", work.steps("a"), owner="two", slot="case")
    store.submit("b", given(1), owner="one", slot="case")
    work.let("a")
    until(lambda: ended(shared))
    assert shared.state == "done"


def test_slots_of_one_owner_do_not_disturb_each_other(store: JobStore, work: Work) -> None:
    reading = store.submit("r", work.steps("r"), owner="one", slot="readings")
    store.submit("a", given(1), owner="one", slot="case")
    store.submit("b", given(1), owner="one", slot="case")
    work.let("r")
    until(lambda: ended(reading))
    assert reading.state == "done"


def test_a_cancelled_job_starts_anew(store: JobStore, work: Work) -> None:
    first = store.submit("a", work.steps("a"), owner="one", slot="case")
    work.wait_for_one()
    store.release("one", "case")
    second = store.submit("a", work.steps("a"), owner="one", slot="case")
    assert second is not first
    work.let("a", 2)  # the first may still take one
    until(lambda: ended(first) and ended(second))
    assert (first.state, second.state) == ("cancelled", "done")
    assert store.get("a", "one") is second


def test_an_urgent_job_goes_between_the_steps_of_a_background_job(
    store: JobStore, work: Work
) -> None:
    slow = store.submit("slow", work.steps("slow", 3), owner="one", slot="r", priority=BACKGROUND)
    work.wait_for_one()
    urgent = store.submit("fast", work.steps("fast", 2), owner="two", slot="case")
    work.let("fast", 2)
    work.let("slow", 3)
    until(lambda: ended(slow) and ended(urgent))
    assert work.log == ["slow0", "fast0", "fast1", "slow1", "slow2"]


def test_visitors_take_turns_and_jobs_of_one_follow_each_other(store: JobStore, work: Work) -> None:
    jobs = [
        store.submit(name, work.steps(name, 2), owner=owner, slot=name, priority=BACKGROUND)
        for name, owner in (("a", "one"), ("b", "one"), ("c", "two"))
    ]
    for name in "abc":
        work.let(name, 2)
    until(lambda: all(map(ended, jobs)))
    assert work.log == ["a0", "c0", "a1", "c1", "b0", "b1"]


def test_what_is_looked_at_comes_before_what_nobody_looks_at(store: JobStore, work: Work) -> None:
    background = partial(store.submit, owner="one", priority=BACKGROUND)
    left = background("left", work.steps("left", 2), slot="survey")
    lasting = background("lasting", work.steps("lasting"), slot="checks", lasting=True)
    work.wait_for_one()
    store.now = LOOKED_AT_SECONDS + 1
    seen = background("seen", work.steps("seen"), slot="curve")
    for name in ("left", "left", "lasting", "seen"):
        work.let(name)
    until(lambda: all(map(ended, (left, lasting, seen))))
    assert work.log == ["left0", "seen0", "left1", "lasting0"]


def test_owners_not_seen_for_long_no_longer_count(store: JobStore, work: Work) -> None:
    gone = store.submit("a", work.steps("a"), owner="one", slot="case")
    seen = store.submit("b", work.steps("b"), owner="two", slot="case")
    store.now = OWNER_SECONDS - 1
    store.get("b", "two")
    store.now = OWNER_SECONDS + 1
    work.let("b")
    until(lambda: ended(gone) and ended(seen))
    assert (gone.state, seen.state) == ("cancelled", "done")


def test_a_lasting_job_goes_on_unseen_until_it_is_released(store: JobStore, work: Work) -> None:
    job = store.submit("a", work.steps("a", 2), owner="one", slot="checks", lasting=True)
    store.now = 1.0
    store.get("a", "one")  # looking once does not make it mortal
    store.now = 100 * OWNER_SECONDS
    work.let("a")
    until(lambda: job.version == 1)
    assert job.active
    store.release("one", "checks")
    work.let("a")
    until(lambda: ended(job))
    assert job.state == "cancelled"


def test_finished_jobs_are_bounded_by_number(store: JobStore) -> None:
    for i in range(8):
        job = store.submit(str(i), given(1), owner=str(i), slot="case")
        until(lambda job=job: ended(job))
    assert len(store) == 3
    assert store.get("7", "x") is not None
    assert store.get("0", "x") is None


def test_finished_jobs_are_bounded_by_megabytes_and_the_least_used_goes(store: JobStore) -> None:
    for name in "ab":
        job = store.submit(name, given(500_000), owner=name, slot="case")
        until(lambda job=job: ended(job))
    store.get("a", "x")
    last = store.submit("c", given(500_000), owner="c", slot="case")
    until(lambda: ended(last))
    assert store.get("a", "x") is not None
    assert store.get("b", "x") is None
    assert store.weight() <= 2**20


def test_the_newest_result_stays_however_large(store: JobStore) -> None:
    job = store.submit("a", given(50_000_000), owner="one", slot="case")
    until(lambda: ended(job))
    assert store.get("a", "one") is job


def test_a_mistake_of_the_user_is_told_in_its_own_words(store: JobStore) -> None:
    def refuse(progress: Progress) -> Iterator[Result]:
        yield Result(1)
        raise BadParameter("ε is a number")

    job = store.submit("a", refuse, owner="one", slot="case")
    until(lambda: ended(job))
    assert (job.state, job.error, job.value.nbytes) == ("failed", "ε is a number", 1)
    again = store.submit("a", given(1), owner="one", slot="case")
    assert again is job
    store.forget("a")
    until(lambda: store.submit("a", given(1), owner="one", slot="case").state == "done")


def test_a_bug_is_logged_and_told_in_one_sentence(
    store: JobStore, caplog: pytest.LogCaptureFixture
) -> None:
    def crash(progress: Progress) -> Iterator[Result]:
        raise ZeroDivisionError("secret path /home/x")
        yield

    with caplog.at_level(logging.ERROR):
        job = store.submit("a", crash, owner="one", slot="case")
        until(lambda: ended(job))
    assert (job.state, job.error) == ("failed", BUG)
    assert "ZeroDivisionError" in caplog.text
    after = store.submit("b", given(1), owner="one", slot="case")
    until(lambda: after.state == "done")


def test_results_are_dropped_where_a_name_means_something_else_now(
    store: JobStore, work: Work
) -> None:
    done = store.submit("done", given(1), owner="one", slot="case")
    until(lambda: ended(done))
    running = store.submit("running", work.steps("b"), owner="one", slot="other")
    work.wait_for_one()
    store.forget_finished()
    assert store.get("done", "one") is None and store.get("running", "one") is running
    work.let("b")
    until(lambda: running.state == "done")


def test_closing_cancels_and_ends_the_worker(work: Work) -> None:
    store = JobStore("closing")
    store.submit("a", work.steps("a"), owner="one", slot="case")
    work.wait_for_one()
    store.close()
    assert "closing" not in {thread.name for thread in threading.enumerate()}


def test_a_process_ends_cleanly_with_a_job_under_way() -> None:
    code = (
        "import time, torch\n"
        "from radar_core.ui.jobs import JobStore\n"
        "def steps(progress):\n"
        "    while True:\n"
        "        torch.rand(400, 400) @ torch.rand(400, 400)\n"
        "        progress.step(0.5)\n"
        "    yield\n"
        "job = JobStore('x').submit('a', steps, owner='one', slot='case')\n"
        "while job.fraction == 0: time.sleep(0.01)\n"
    )
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-W", "ignore", "-c", code]
    subprocess.run(command, cwd=root, check=True, timeout=60)

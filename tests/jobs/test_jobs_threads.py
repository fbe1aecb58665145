"""A thread that cannot be had is reported; nobody waits for it."""

import asyncio
import gc
import threading

import pytest
from job_runs import TAG, make_job, people, run, write_rows

from netaudience.consumers import DeadLetters
from netaudience.consumers.dead_letters import DeadLettersFailed
from netaudience.errors import SourceFailed
from netaudience.jobs.deliver.threads import Threads
from netaudience.sandbox import Sandbox


@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), MemoryError()])
def test_a_thread_that_cannot_be_started_is_told_and_not_waited_for(monkeypatch, error):
    def start(_):
        raise error

    async def go():
        threads = Threads()
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", start)
            with pytest.raises(SourceFailed, match="A thread could not be started"):
                await threads.call(lambda: 1)
        await asyncio.wait_for(threads.wait(), 5)
        assert await threads.call(lambda: 2) == 2

    asyncio.run(go())


@pytest.mark.asyncio
async def test_a_run_says_so_whichever_of_its_threads_it_is(monkeypatch, tmp_path):
    """Before it begins, an error; later, in what it tells of itself. Then it is begun anew."""
    pytest.importorskip("duckdb")
    write_rows(tmp_path, people(200))
    job, start = make_job(tmp_path, TAG), Threads._start
    async with Sandbox() as sandbox:
        for which in range(100):
            left = which

            def failing(threads):
                nonlocal left
                left -= 1
                with monkeypatch.context() as patched:
                    if left == -1:
                        patched.setattr(threading.Thread, "start", no_thread)
                    return start(threads)

            with monkeypatch.context() as patched:
                patched.setattr(Threads, "_start", failing)
                try:
                    told = (await run(job, sandbox)).steps[0].stopped or ""
                except SourceFailed as error:
                    told = str(error)
            if left >= 0:
                break
            assert told.startswith("A thread could not be started"), f"thread {which}: {told}"
        assert which >= 3
        assert (await run(job, sandbox)).ok


def no_thread(_):
    raise RuntimeError("can't start new thread")


async def _end(threads: set[threading.Thread]) -> None:
    """Wait until they have ended: an error holds the frames in which it was raised until it is collected."""
    async with asyncio.timeout(10):
        while any(thread.is_alive() for thread in threads):
            gc.collect()
            await asyncio.sleep(0.001)  # nothing tells when a thread is over


@pytest.mark.parametrize("is_told", [True, False], ids=["it is waited for", "its owner is forgotten"])
def test_calls_in_turn_share_a_thread_and_calls_at_once_do_not(is_told):
    async def go():
        threads = Threads()
        first = await threads.call(threading.current_thread)
        assert await threads.call(threading.current_thread) is first
        both = threading.Barrier(2)

        def meet() -> threading.Thread:
            both.wait(5)
            return threading.current_thread()

        met = await asyncio.gather(threads.call(meet), threads.call(meet))
        assert len(set(met)) == 2
        with pytest.raises(ValueError, match="as it should"):
            await threads.call(lambda: int("as it should"))
        if is_told:
            await threads.wait()
        del threads
        await _end({first, *met})

    asyncio.run(go())


def test_dead_letters_that_find_no_thread_take_nothing_in(monkeypatch, tmp_path):
    def start(_):
        raise RuntimeError("can't start new thread")

    async def go():
        with monkeypatch.context() as patched:  # the loop's own end needs a thread again
            patched.setattr(threading.Thread, "start", start)
            with pytest.raises(DeadLettersFailed):
                await DeadLetters(tmp_path / "letters.jsonl").__aenter__()

    asyncio.run(go())

"""An event loop whose clock jumps: nothing waits, and a run that can never go on fails at once."""

import asyncio
import selectors


class _JumpingSelector(selectors.SelectSelector):
    def __init__(self, most_turns):
        super().__init__()
        self.now = 0.0
        self.turns = 0
        self.most_turns = most_turns

    def select(self, timeout=None):
        # A turn of the loop takes time too: timers fire up to the clock's resolution early, and what
        # looks at the clock then must see it move.
        self.now += 1e-7
        self.turns += 1
        if self.turns > self.most_turns:
            for task in asyncio.all_tasks():
                task.print_stack()
            raise RuntimeError("livelock: the loop turns and turns")
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise RuntimeError("deadlock: every task waits, and nothing is scheduled to wake one")
        self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs a day in a moment, to the same result each time."""

    def __init__(self, most_turns=300_000):
        self.clock = _JumpingSelector(most_turns)
        super().__init__(self.clock)

    def time(self):
        return self.clock.now


def run(coroutine, *, most_turns=300_000):
    """Run a coroutine in virtual time; fail on whatever the loop would only have logged."""
    problems = []
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(most_turns)) as runner:
        runner.get_loop().set_exception_handler(lambda _, context: problems.append(context))
        result = runner.run(coroutine)
    assert not problems, problems
    return result

"""What operators and machines do: time, restarts, crashes, jobs, and faults of disks and databases."""

from collections.abc import Callable
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import rule

from aerostore.errors import StorageError
from tests.faults import CrashNow, Fault
from tests.service.model.caller import SERVICE
from tests.service.model.fault import FAULTS, Plan
from tests.service.model.link_rule import LinkRules
from tests.service.model.machine import places
from tests.service.model.reference import Content, Place
from tests.service.model.sending import forms
from tests.service.model.server import GRACE_S, RETENTION_S

T = TypeVar("T")
plans = st.sampled_from([(operation, fault) for operation, faults in FAULTS.items() for fault in faults])


class StorageMachine(LinkRules):
    """Everything that can happen to a storage."""

    @rule(seconds=st.sampled_from([0.001, 0.4, 1, 59, 3600, 2 * 3600, RETENTION_S]))
    def wait(self, seconds: float) -> None:
        self.server.clock.advance(seconds)

    @rule(orderly=st.booleans())
    def start_again(self, orderly: bool) -> None:
        """Start on the rows and bytes that are there, after an orderly end or after a crash."""
        if orderly:
            self.server.restart()
        else:
            self.server.crash()

    @rule(seconds=st.sampled_from([0, 2 * GRACE_S, 2 * RETENTION_S]))
    def reclaim(self, seconds: float) -> None:
        self.server.clock.advance(seconds)
        after = self.model.copy()
        after.forget_changes(self.server.clock(), RETENTION_S)
        report = self.run_job(self.server.reclaim)
        if report is None:
            self.settle(after)
            return
        assert (report.refused, list(report.missing)) == ("", [])
        self.model = after

    @rule()
    def scrub(self) -> None:
        report = self.run_job(self.server.scrub)
        if report is not None:
            assert (report.refused, list(report.damaged), list(report.missing)) == ("", [], [])

    def run_job(self, job: Callable[[], T]) -> T | None:
        """Return what a job reports; None when a fault ended it."""
        self.server.faults.paused = False
        try:
            report = job()
        except (StorageError, CrashNow):
            assert self.was_disturbed()
            self.let_leases_end()
            return None
        finally:
            self.server.faults.paused = True
        if self.was_disturbed():
            self.let_leases_end()
        return report

    def let_leases_end(self) -> None:
        """Spare the next job the quarter of an hour for which one that was disturbed may keep it waiting."""
        self.server.data.change("DELETE FROM storage_leases")

    @rule(planned=plans, nth=st.sampled_from([1, 1, 2]))
    def let_something_fail(self, planned: tuple[str, Fault], nth: int) -> None:
        """Plan a fault for the next requests; the first one that is in its way meets it."""
        operation, fault = planned
        self.server.faults.plan = Plan(operation, fault, nth)

    @rule(planned=plans, place=places, form=forms)
    def fail_in_an_upload(self, planned: tuple[str, Fault], place: Place, form: str) -> None:
        """New bytes, which no other object has: what is done to them is done to this one."""
        self.let_something_fail(planned, 1)
        content = Content(body=b"%d times" % len(self.model.changes))
        self.upload(SERVICE, place, content, form, "PUT")

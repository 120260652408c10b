"""A cluster without its HTTP server: the objects, the clock, the controllers, the logs."""

import random

from leviathan_sandbox.clock import Agenda, Clock
from leviathan_sandbox.controllers.autoscalers import Autoscalers
from leviathan_sandbox.controllers.base import Manager
from leviathan_sandbox.controllers.cronjobs import CronJobs
from leviathan_sandbox.controllers.daemonsets import DaemonSets
from leviathan_sandbox.controllers.deployments import Deployments
from leviathan_sandbox.controllers.garbage import GarbageCollector
from leviathan_sandbox.controllers.jobs import Jobs
from leviathan_sandbox.controllers.kubelet import Kubelet
from leviathan_sandbox.controllers.namespaces import Namespaces
from leviathan_sandbox.controllers.replicasets import ReplicaSets
from leviathan_sandbox.controllers.scheduler import Scheduler
from leviathan_sandbox.controllers.statefulsets import StatefulSets
from leviathan_sandbox.controllers.volumes import Volumes
from leviathan_sandbox.pods.logbook import LogBook
from leviathan_sandbox.registry import Registry
from leviathan_sandbox.storage import Storage


class Cluster:
    """Everything that a control plane and its nodes know and do.

    Parameters:
        clock: tells the time.
        live: whether time alone changes anything in what was there from the start.
        pace: what the delays of starting and stopping pods are multiplied with.
        seed: of everything that is drawn by lot.
        window: how many changes of each kind a watch can go back.
    """

    def __init__(self, clock: Clock, *, live: bool, pace: float, seed: int, window: int) -> None:
        self.clock = clock
        self.live = live
        self.rng = random.Random(seed)  # noqa: S311 (nothing secret is drawn from it)
        self.agenda = Agenda(clock)
        self.storage = Storage(window)
        self.registry = Registry(self.storage, self.agenda, self.rng)
        self.manager = Manager(self.registry)
        self.logbook = LogBook()
        self.kubelet = Kubelet(self.manager, pace)
        self.scheduler = Scheduler(self.manager)
        self.namespaces = Namespaces(self.manager)
        self.cron_jobs = CronJobs(self.manager, live=live)
        self.autoscalers = Autoscalers(self.manager, live=live)
        self.manager.controllers = [
            self.namespaces,
            GarbageCollector(self.manager),
            self.cron_jobs,
            Jobs(self.manager),
            Deployments(self.manager),
            ReplicaSets(self.manager),
            StatefulSets(self.manager),
            DaemonSets(self.manager),
            Volumes(self.manager),
            self.autoscalers,
            self.scheduler,
            self.kubelet,
        ]

    def work(self, limit: int = 200) -> bool:
        """Do some of what is due and queued; return whether more is left to do at once."""
        self.agenda.run_due(limit)
        self.manager.run(limit)
        due = self.agenda.next_due()
        return not self.manager.idle or (due is not None and due <= self.clock.time())

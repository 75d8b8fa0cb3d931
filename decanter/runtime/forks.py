"""Forks: a child process must not use its parent's sockets, threads and locks."""

import os
from typing import Protocol
from weakref import WeakSet


class Owner(Protocol):
    """An object with sockets, threads or locks that only its own process can use."""

    def after_fork(self) -> None:
        """Forget the parent's objects in the child, but close no socket that the parent uses."""
        ...


_owners: WeakSet[Owner] = WeakSet()


def forget_at_fork(owner: Owner) -> None:
    """Make each child process call the owner's `after_fork`, as long as the owner exists."""
    _owners.add(owner)


def _forget() -> None:
    for owner in list(_owners):
        owner.after_fork()


os.register_at_fork(after_in_child=_forget)

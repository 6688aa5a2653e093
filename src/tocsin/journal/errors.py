"""Errors of the journal, one class for each condition.

Denied
    WrongSecret         the vault does not open with this secret
    Erased              the data key is gone, and with it the content
    NotInLog            a record is not in a signed checkpoint, or not here at all
InputError
    FolderBusy          another process has the node's folder
    Damaged             what is stored is not what was kept
        Altered         somebody other than this node wrote rows that only it may write
    VaultExists         a vault is there already
NotReachable
    NotKept             the database refused; nothing of the call was kept
    Overloaded          too many writes wait
    Closed              the journal is closed
"""

from tocsin.core import Denied, InputError, NotReachable


class WrongSecret(Denied):
    """Raised by `Vault` if the secret is not the vault's, or something was wrapped for another purpose."""


class Erased(Denied):
    """Raised for content whose data key was deleted: only its leaf remains."""

    def __init__(self) -> None:
        super().__init__("this content was erased: only proof that something was there remains")


class NotInLog(Denied):
    """Raised if a proof is asked for what no signed checkpoint holds."""


class FolderBusy(InputError):
    """Raised by `Journal.open` if another process writes to this folder."""

    def __init__(self, holder: str) -> None:
        super().__init__(f"this node's folder is in use by another process ({holder}): one node a folder, stop the other first")


class Damaged(InputError):
    """Raised if what is stored is not what was kept: restore the node's folder from its backup."""


class Altered(Damaged):
    """Raised if guarded rows are not as this node left them: whoever did that could have put in anything."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the {what} in the database are not as this node left them: restore its folder from a backup of before that")


class VaultExists(InputError):
    """Raised by `Vault.create` if the folder has a vault: making another would lose what it protects."""


class NotKept(NotReachable):
    """Raised if the database refused a write (disk full, broken, ...); nothing of that call was kept."""

    def __init__(self, why: str) -> None:
        super().__init__(f"nothing was written: the database says {why}")


class Overloaded(NotReachable):
    """Raised if more writes wait than the queue takes; nothing of that call was kept."""


class Closed(NotReachable):
    """Raised by every call after `Journal.close`."""

    def __init__(self) -> None:
        super().__init__("the journal is closed")

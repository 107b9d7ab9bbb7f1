"""Errors of the platform: each says what failed, where, and how to mend it."""

from __future__ import annotations


class LakouError(Exception):
    """A failure that an operator can understand and mend.

    Args:
        what: what failed and where, one sentence.
        remedy: what to do about it, one sentence.
    """

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.what}\n  To mend it: {self.remedy}" if self.remedy else self.what


class ConfigurationError(LakouError):
    """A setting, a secret or a contract is missing or wrong."""


class DatabaseError(LakouError):
    """PostgreSQL cannot be reached or refuses what was asked."""


class BlockedFile(LakouError):  # noqa: N818 - it is an answer to a partner, not a failure of ours
    """A whole file is refused; its text is French since the partner reads it.

    Args:
        rule_id: identifier of the rule, as the receipt shows it.
        what: what is wrong, a French sentence.
        remedy: how to mend it, a French sentence.
    """

    def __init__(self, rule_id: str, what: str, remedy: str) -> None:
        super().__init__(what, remedy)
        self.rule_id = rule_id


class PublicationHeld(LakouError):  # noqa: N818 - figures were kept on purpose
    """The audit of a publication failed: what it concerns keeps its last good figures."""


class SourceError(LakouError):
    """A system that is pulled does not answer as it should; what was pulled before is kept and the next pull goes on."""


class SourceRefusal(SourceError):  # noqa: N818 - the server has answered: its answer is no
    """The system refuses our account (wrong key, no right, locked): never tried again before a person has mended it."""


class SourceMissing(SourceError):  # noqa: N818 - the server has answered: there is none
    """The form, survey, entity or record asked for is not there."""

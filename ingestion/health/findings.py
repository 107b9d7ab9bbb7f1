"""What a check finds, and how checks are run one after the other without one stopping the next."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ingestion.errors import DatabaseError, LakouError
from ingestion.settings import Settings

GOOD, TO_SEE, BROKEN = "bon", "à voir", "en panne"
RUNBOOK = "infra/runbook"


class ToSee(LakouError):  # noqa: N818 - it works, and somebody should look
    """It works, and will not for long, or somebody has to decide."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at.

    Args:
        name: as the doctor shows it.
        look: says how it is, or raises what is wrong with its remedy.
        page: page of the runbook.
        is_alert: whether `à voir` is worth a mail; `en panne` always is.
    """

    name: str
    look: Callable[[Settings], str]
    page: str
    is_alert: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Args:
        state: `bon`, `à voir` or `en panne`.
        what: one sentence.
        remedy: what to do; empty where nothing is wrong.
        page: path of the runbook's page.
    """

    check: str
    state: str
    what: str
    remedy: str
    page: str
    is_alert: bool

    @property
    def ok(self) -> bool:
        """Whether it works."""
        return self.state != BROKEN

    @property
    def is_worth_a_mail(self) -> bool:
        """Whether an operator is told without asking."""
        return self.state == BROKEN or (self.state == TO_SEE and self.is_alert)


def examine(settings: Settings, checks: Iterable[Check]) -> list[Finding]:
    """Run checks; where the database does not answer, that is said once."""
    found: list[Finding] = []
    is_away = False
    for check in checks:
        state, remedy = GOOD, ""
        try:
            what = check.look(settings)
        except ToSee as error:
            state, what, remedy = TO_SEE, error.what, error.remedy
        except DatabaseError as error:
            state, what, remedy = BROKEN, error.what, error.remedy
            if is_away:
                state, what, remedy = TO_SEE, "not looked at: the database does not answer", "mend the database first"
            is_away = True
        except LakouError as error:
            state, what, remedy = BROKEN, error.what, error.remedy
        # a platform that is ill in a way that nobody thought of still gets the other answers
        except Exception as error:
            state, what, remedy = BROKEN, f"the check itself fails: {type(error).__name__}: {error}", "see its page"
        found.append(Finding(check.name, state, what, remedy, f"{RUNBOOK}/{check.page}.md", check.is_alert))
    return found

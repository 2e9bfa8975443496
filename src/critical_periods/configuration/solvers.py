"""Keys that name solvers, and the options of each, as the files of `solvers/` declare them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Literal

from pydantic import create_model

from critical_periods.configuration.fields import AnySection, key
from critical_periods.solvers import SOLVERS

if TYPE_CHECKING:
    SolverName = str
else:
    SolverName = Literal[tuple(SOLVERS)]

#: Solvers that have options; these lie under a key of the solver's name.
WITH_OPTIONS = {name: solver for name, solver in SOLVERS.items() if solver.model_fields}


def with_options(*, partly: bool = False, but: Collection[str] = ()) -> Callable[[type[AnySection]], type[AnySection]]:
    """Decorator that adds the options of every solver to a section.

    Parameters
    ----------
    partly
        Whether the section is laid over another, so that it has some of the options or none.
    but
        Solvers whose options the section has in another way.
    """

    def added(section: type[AnySection]) -> type[AnySection]:
        fields: dict[str, Any] = {}
        for name, solver in WITH_OPTIONS.items():
            sentence = str(solver.__doc__).splitlines()[0]
            whole = solver, key(sentence, solver())
            part = dict[str, Any], key(f"{sentence.rstrip('.')}, as far as it differs.", {})
            if name not in but:
                fields[name] = part if partly else whole
        return create_model(
            section.__name__, __base__=section, __module__=section.__module__, __doc__=section.__doc__, **fields
        )

    return added

"""Deliveries to subscribers after a release was switched to: what the run's surroundings are for `publishing.shares`.

Belongs here: which subscriptions, which keys, where receipts are kept. Not here: how a delivery is made (`publishing.shares`). Nothing in
here may fail a run: the release is out already.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from assets.summary import ShareLine
from assets.workplace import Workplace
from contracts.delivery import Problem
from contracts.load import ContractError
from publishing import shares
from publishing.signing import Signer, SigningProblem, known_keys
from publishing.subscriptions import Order, load_all
from warehouse.home import Home
from warehouse.lake import Lake

RECEIPTS = "ledger/shares"


def orders(workplace: Workplace) -> list[Order]:
    """The subscriptions of the district's folder and of the home; ContractError names file, line and remedy."""
    return load_all([workplace.district.folder, workplace.home.path])


def receipts(lake: Lake) -> shares.Receipts:
    """The log of deliveries, an append-only table of the lake."""
    return shares.Receipts(
        read=lambda: lake.arrow(RECEIPTS).to_pylist() if lake.exists(RECEIPTS) else [],
        append=lambda row: lake.append(RECEIPTS, pa.Table.from_pylist([row], schema=shares.RECEIPTS)),
    )


def house(workplace: Workplace, memory_limit: str | None = None) -> shares.House:
    """This home as it delivers. Subscribers' keys come from the pseudonym key, so a home has one secret to keep for them."""
    home = workplace.home
    return shares.House(
        shares_folder(home),
        Signer.load(home.keys),
        workplace.pseudonyms.key,
        receipts(workplace.lake),
        memory_limit,
        home.temporary,
        known_keys(home.keys),
    )


def shares_folder(home: Home) -> Path:
    """Where subscribers' folders are."""
    return home.path / "shares"


def deliver(
    workplace: Workplace,
    release: Path,
    *,
    wanted: Callable[[Order], bool] = lambda order: True,
    full: bool = False,
    now: bool = False,
    memory_limit: str | None = None,
) -> list[shares.Outcome]:
    """Deliver what is due from a release; errors of subscriptions and keys are raised."""
    chosen = [order for order in orders(workplace) if wanted(order)]
    if not chosen:
        return []
    return shares.deliver_all(chosen, shares.Source.of(release), house(workplace, memory_limit), full=full, now=now)


def deliver_after_release(workplace: Workplace, release: Path, memory_limit: str | None = None) -> tuple[list[ShareLine], list[Problem]]:
    """Deliver what is due; whatever goes wrong becomes a problem of the run's summary, never its failure."""
    try:
        outcomes = deliver(workplace, release, memory_limit=memory_limit)
    except (ContractError, SigningProblem) as error:
        return [], [_problem(line) for line in str(error).splitlines()]
    except Exception as error:
        return [], [_problem(f"deliveries to subscribers failed ({type(error).__name__}); remedy: govlake share deliver")]
    return lines(outcomes), [outcome.problem for outcome in outcomes if outcome.problem]


def lines(outcomes: Sequence[shares.Outcome]) -> list[ShareLine]:
    """Outcomes as the summary keeps them."""
    made = []
    for outcome in outcomes:
        receipt: dict[str, Any] = dict(outcome.receipt or {}) if outcome.status == "delivered" else {}
        made.append(
            ShareLine(
                share=outcome.order.id,
                status=outcome.status,
                table=outcome.order.share.table,
                kind=receipt.get("kind"),
                rows=receipt.get("rows"),
                folder=receipt.get("folder"),
            )
        )
    return made


def _problem(text: str) -> Problem:
    message, _, remedy = text.partition("; remedy: ")
    return Problem(
        kind="shares",
        severity="warn",
        message=message,
        message_zh=f"数据共享：{message}",
        remedy=remedy,
        remedy_zh="请更正后运行 govlake share deliver",
    )

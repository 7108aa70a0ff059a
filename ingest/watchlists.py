"""The file of a watch-list: companies, how they are written, and what they are not."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from types import MappingProxyType

from ingest.names import Name, decoy, fold, spellings

_FAMILY = " +"
_SURNAME = "+ "
_AGAINST = "~"


class WatchlistError(Exception):
    """A watch-list file cannot be used. The message lists every problem with its line."""


@dataclass(frozen=True, slots=True)
class Company:
    """One row of a watch-list. ``aliases`` may begin with a mark: ``=`` ``?`` ``!`` or ``$``."""

    symbol: str
    name: str
    aliases: tuple[str, ...] = ()
    decoys: tuple[str, ...] = ()

    @property
    def codes(self) -> tuple[str, ...]:
        """The other tickers of the company."""
        return tuple(alias[1:] for alias in self.aliases if alias.startswith("$"))


def read(path: Path | None = None) -> list[Company]:
    """The companies of a file; None is the one that comes with the program.

    Raises:
        WatchlistError: the file cannot be read, or rows are wrong.
    """
    try:
        file = resources.files("ingest") / "companies.csv" if path is None else path
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise WatchlistError(f"{path} cannot be read as UTF-8: {error}") from error
    return _companies(text, str(path or "companies.csv"))


def names_of(company: Company) -> list[Name]:
    """Every way to write a company, and the phrases that hide one."""
    aliases = [alias for alias in company.aliases if not alias.startswith("$")]
    if all(alias.lstrip("=?!") != company.name for alias in aliases):
        aliases.append(company.name)
    families, surnames = _marked(company)
    against = _against(company)
    names = [
        replace(
            name,
            family=name.written in families,
            surname=name.written in surnames,
            against=against,
        )
        for alias in aliases
        for name in spellings(company.symbol, alias)
    ]
    phrases = [entry for entry in company.decoys if not _is_rule(entry)]
    return [*names, *(decoy(company.symbol, phrase) for phrase in phrases)]


def tickers(companies: list[Company]) -> Mapping[str, str]:
    """The symbol of each code of a list; a symbol goes before another company's other ticker."""
    codes = {company.symbol: company.symbol for company in companies}
    for company in companies:
        for code in company.codes:
            codes.setdefault(code, company.symbol)
    return MappingProxyType(codes)


def _is_rule(entry: str) -> bool:
    return entry.endswith(_FAMILY) or entry.startswith((_SURNAME, _AGAINST))


def _marked(company: Company) -> tuple[frozenset[str], frozenset[str]]:
    """The names that are other firms' with a name behind, and persons' with one before."""
    entries = [fold(entry) for entry in company.decoys]
    return (
        frozenset(entry[: -len(_FAMILY)] for entry in entries if entry.endswith(_FAMILY)),
        frozenset(entry[len(_SURNAME) :] for entry in entries if entry.startswith(_SURNAME)),
    )


def _against(company: Company) -> re.Pattern[str] | None:
    words = [fold(entry[1:]).lower() for entry in company.decoys if entry.startswith(_AGAINST)]
    parts = [re.escape(word.removesuffix("*")) + r"\b" * (word[-1:] != "*") for word in words]
    return re.compile(rf"\b(?:{'|'.join(parts)})") if parts else None


def _companies(text: str, source: str) -> list[Company]:
    rows = csv.DictReader(text.splitlines(), strict=True)
    missing = {"symbol", "name", "aliases"} - set(rows.fieldnames or ())
    if missing:
        raise WatchlistError(f"{source}: line 1 lacks the columns {', '.join(sorted(missing))}")
    companies: list[Company] = []
    problems: list[str] = []
    owners: dict[str, str] = {}
    try:
        for row in rows:
            company = Company(
                symbol=(row["symbol"] or "").strip(),
                name=(row["name"] or "").strip(),
                aliases=_entries(row["aliases"]),
                decoys=_entries(row.get("not")),
            )
            problem = _problem(company, owners)
            if problem:
                problems.append(f"line {rows.line_num}: {problem}")
            companies.append(company)
    except csv.Error as error:
        problems.append(f"line {rows.line_num}: {error}")
    if problems or not companies:
        raise WatchlistError(f"{source}: " + ("; ".join(problems) or "no companies"))
    return companies


def _entries(cell: str | None) -> tuple[str, ...]:
    return tuple(entry for part in (cell or "").split("|") if (entry := part.strip()))


def _problem(company: Company, owners: dict[str, str]) -> str | None:
    """What is wrong with a row; ``owners`` collects who has which symbol, ticker and name."""
    if not company.symbol or not company.name:
        return "symbol and name must not be empty"
    empty = {"*", "+", "~", "~*"} & set(company.decoys)
    if empty or any(not alias.lstrip("=?!$") for alias in company.aliases):
        return "a mark without a name"
    if f"symbol {company.symbol}" in owners:
        return f"symbol {company.symbol} is listed twice"
    named = [name for name in names_of(company) if name.certainty != "decoy"]
    unused = frozenset().union(*_marked(company)) - {name.written for name in named}
    if unused:
        return f'"{min(unused)}" beside a + is none of its names'
    claims = [f"symbol {company.symbol}", *(f"ticker {code}" for code in company.codes)]
    claims += [f'"{name.written.lower()}"' for name in named]
    for claim in claims:
        owner = owners.setdefault(claim, company.symbol)
        if owner != company.symbol:
            return f"{claim} also belongs to {owner}"
    return None

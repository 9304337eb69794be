"""The ways in which a model call fails, each with its own plain sentence."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from ingest.errors import Trouble

Kind = Literal[
    "unreachable", "silent", "late", "busy", "down", "unauthorized", "missing", "rejected", "garbage", "cut", "huge",
    "filtered", "refused", "empty", "too long", "truncated", "length", "forbidden", "open", "vectors",
    "overspent", "unpriced", "uncounted", "dry run",
]  # fmt: skip

DEAD: frozenset[Kind] = frozenset(
    {"unreachable", "silent", "busy", "down", "unauthorized", "missing", "rejected", "garbage", "cut", "huge"}
)
"""Failures of the endpoint, whatever it was asked."""

WITHHELD: frozenset[Kind] = frozenset({"overspent", "unpriced", "uncounted", "dry run"})
"""Nobody was asked: another model may be, and nothing is known of this one."""
UNBILLED: frozenset[Kind] = frozenset({"unreachable", "unauthorized", "missing", "rejected", "busy", "too long"})
"""A provider that answers so has done no work, and asks for no money."""

DRY = "In a dry run"
AGAIN = 0.3
"""Seconds until what was a passing failure is tried once more, where the endpoint does not say."""
LASTING = "Ask again in a minute; if it lasts, see its server's log."


class ModelFailed(Trouble):
    """A model call that gave no whole answer; `what` is a sentence without its full stop."""

    def __init__(self, kind: Kind, what: str, model: str, do: str = "", again_after: float | None = None) -> None:
        super().__init__(what, model, do)
        self.kind = kind
        self.again_after = again_after
        """Seconds after which the same request can succeed; None when it cannot."""


STUMBLED = (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, EOFError)
"""What the clients fall over when an answer is none."""


def of_clients() -> tuple[type[Exception], ...]:
    """What the clients raise; one that is not loaded has raised nothing, and takes longer to load than a question."""
    from httpx import HTTPError, InvalidURL
    from langchain_core.exceptions import LangChainException

    kinds = [HTTPError, InvalidURL, LangChainException, *STUMBLED]
    if "ollama" in sys.modules:
        from ollama import ResponseError

        kinds.append(ResponseError)
    if "openai" in sys.modules:
        from httpx2 import HTTPError as OpenAIsHTTPError
        from openai import OpenAIError

        kinds += [OpenAIError, OpenAIsHTTPError]
    return tuple(kinds)


def explained(error: BaseException, name: str, host: str, pull: str = "") -> ModelFailed:
    """A client's error -> which failure it is; `pull` is the command that would install the model."""
    whole = [*_causes(error)]
    status = next((code for one in whole if (code := _status(one))), None)
    if status is not None:
        return _of_status(status, whole, name, host, pull)
    names = {kind.__name__ for one in whole for kind in type(one).__mro__}
    if "SSLError" in names:
        return insecure(name, host)
    if names & {"ConnectError", "ConnectTimeout", "ConnectionRefusedError"} or type(error) is ConnectionError:
        return unreachable(name, host)
    if names & {"TimeoutException", "TimeoutError", "APITimeoutError"}:
        return silent(name, host)
    if names & {"ReadError", "WriteError", "RemoteProtocolError", "CloseError", "ConnectionError"}:
        return cut(name, AGAIN)
    if names & {"ResponseError", "APIError"} and "DecodingError" not in names:
        return ModelFailed("down", f"{name} broke off with an error of its own", name, LASTING, AGAIN)
    return garbage(name, host)


def forbidden(label: str, name: str) -> ModelFailed:
    return ModelFailed("forbidden", f"{label.capitalize()} text may not be sent to {name}", name)


def overspent(name: str, usd: float) -> ModelFailed:
    what = f"What is left of this month's budget of ${usd:,.2f} does not cover asking {name}"
    return ModelFailed("overspent", what, name, "Raise [budget] usd_per_month, or wait for the next month.")


def unpriced(name: str, file: str) -> ModelFailed:
    do = f'Add to {file}: [models."{name}"] with input and output in USD per million tokens, and as_of.'
    return ModelFailed("unpriced", f"There is a [budget], and no price for {name}", name, do)


def uncounted(name: str, file: str, why: str) -> ModelFailed:
    what = f"What this month has cost cannot be counted ({why}), and there is a [budget] for {name}"
    return ModelFailed("uncounted", what, name, f"See whether {file} can be written.")


def dry(name: str) -> ModelFailed:
    return ModelFailed("dry run", f"{DRY} {name} is not asked", name)


def unreachable(name: str, host: str) -> ModelFailed:
    do = "Start it: ollama serve" if name.startswith("ollama:") else "See whether its server runs."
    return ModelFailed("unreachable", f"{name} cannot be reached at {host}", name, do)


def insecure(name: str, host: str) -> ModelFailed:
    do = "See whether its certificate is good; SSL_CERT_FILE names a file of those that are trusted."
    return ModelFailed("unreachable", f"There is no secure connection to {name} at {host}", name, do)


def silent(name: str, host: str) -> ModelFailed:
    do = "It may be loading: ask again, or give it more [models] patience."
    return ModelFailed("silent", f"{name} did not answer in time at {host}", name, do)


def stopped(name: str) -> ModelFailed:
    return ModelFailed("silent", f"{name} stopped in the middle of its answer", name, "Ask again.")


def cut(name: str, again_after: float | None = None) -> ModelFailed:
    return ModelFailed("cut", f"The answer of {name} broke off", name, "Ask again.", again_after)


def garbage(name: str, host: str) -> ModelFailed:
    return ModelFailed("garbage", f"{host} does not answer as {name} should", name, "Check the address.")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _status(error: BaseException) -> int | None:
    status = getattr(error, "status_code", None)
    return status if isinstance(status, int) and status >= 300 else None


def _of_status(status: int, whole: list[BaseException], name: str, host: str, pull: str) -> ModelFailed:
    told = " ".join([_code(whole), *map(str, whole)]).lower()
    if status in (401, 403):
        return ModelFailed("unauthorized", f"{name} refuses access at {host}", name, "Check its key and its rights.")
    if status == 404:
        return ModelFailed(
            "missing", f"There is no {name} at {host}", name, f"Run: {pull}" if pull else "Check its name."
        )
    if status == 429:
        if "insufficient_quota" in told:
            return ModelFailed("busy", f"{name} has no quota left", name, "See your account with its provider.")
        wait = _retry_after(whole)
        return ModelFailed("busy", f"{name} is asked too often", name, f"Ask again in {_in_words(wait)}.", wait)
    if "context_length" in told or "context length" in told or "context window" in told:
        return ModelFailed("too long", f"The question is too long for {name}", name, "Ask it in fewer words.")
    if status == 400 and ("content_filter" in told or "content management policy" in told):
        return filtered(name)
    if status in (408, 409) or status >= 500:
        return ModelFailed("down", f"{name} answers with error {status}", name, LASTING, _retry_after(whole))
    if status < 400:
        return ModelFailed(
            "garbage", f"{host} sends {name} elsewhere, and that is not followed", name, "Check the address."
        )
    return ModelFailed(
        "rejected", f"{name} does not take the request (error {status})", name, "Check its name and settings."
    )


def filtered(name: str) -> ModelFailed:
    return ModelFailed("filtered", f"The content filter of {name} stopped the answer", name, "Ask it in other words.")


def _code(whole: list[BaseException]) -> str:
    return " ".join(str(code) for one in whole if (code := getattr(one, "code", None)))


def _retry_after(whole: list[BaseException]) -> float:
    headers: Mapping[str, Any] = {}
    for one in whole:
        headers = getattr(getattr(one, "response", None), "headers", None) or headers
    return _seconds(str(headers.get("retry-after", AGAIN)))


def _in_words(seconds: float) -> str:
    if seconds <= AGAIN:
        return "a minute"
    return f"{seconds:.0f} s" if seconds <= 120 else f"{seconds / 60:.0f} min"


def _seconds(after: str) -> float:
    """`Retry-After` is a number of seconds, or the date when they are over."""
    with suppress(ValueError):
        return max(0.0, float(after))
    with suppress(ValueError, TypeError):  # TypeError: a date without its zone
        return max(0.0, (parsedate_to_datetime(after) - datetime.now(UTC)).total_seconds())
    return AGAIN

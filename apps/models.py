"""Settings -> the models that they name, each found when it is first asked for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from apps.settings import Settings, SettingsWrong
from ingest.errors import Trouble
from models.catalog import Catalog, NoSuchModel
from models.nomic import Nomic, is_nomic
from models.ollama import SECONDS, Ollama, address, context_of, has, here, look
from models.resilience import Endpoints
from privacy.failures import ModelFailed, unreachable
from privacy.gate import Door, Endpoint, Gate
from privacy.toll import Free, Toll

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

NOMIC = "nomic-embed-text"


class Models:
    def __init__(self, settings: Settings, environ: Mapping[str, str], count: Callable[[str], int]) -> None:
        self.settings, self.environ, self._count = settings, environ, count
        self.asked: list[Endpoints] = []
        """Those that were found, to be loaded and closed."""
        self._embedders: dict[str, Nomic] = {}

    @cached_property
    def toll(self) -> Toll:
        """What each call that leaves this machine has to pass."""
        return Free()

    @cached_property
    def catalog(self) -> Catalog:
        models, privacy = self.settings.models, self.settings.privacy
        return Catalog(self.environ, address(self.environ), privacy.private, models.context)

    @cached_property
    def ollama(self) -> Ollama | None:
        """What is there, asked once."""
        return look(self.catalog.ollama)

    @cached_property
    def small_name(self) -> str:
        name = self.settings.models.small
        if name != "auto":
            return name
        found = self.ollama.preferred if self.ollama else None
        return f"ollama:{found}" if found else "embedded"

    @cached_property
    def large_names(self) -> list[str]:
        """In the order in which they are asked; none is an empty list."""
        given = self.settings.models.large
        if given == "auto":
            with _as_settings():
                given = self.catalog.automatic_large()
        return [name for name in ([given] if isinstance(given, str) else given) if name not in ("embedded", "none")]

    @cached_property
    def embedder_name(self) -> str:
        """What an index that is made now is made with."""
        name, found = self.settings.models.embedder, self.ollama
        if name != "auto":
            return name
        nomic = found is not None and here(found.url) and has(found.models, NOMIC)
        return f"ollama:{NOMIC}" if nomic else "embedded"

    def embedder(self, name: str) -> Nomic:
        """Of whole passages, by the name that an index remembers."""
        if name not in self._embedders:
            endpoint = self._endpoint(name)
            if endpoint.wire != "ollama" or not is_nomic(endpoint.model):
                raise SettingsWrong("That is no embedder.", name, f"Name embedded or ollama:{NOMIC}.")
            dead = unreachable(name, endpoint.host) if self.ollama is None else None
            patience = self.settings.models.patience
            self._embedders[name] = Nomic(endpoint, partial(Gate().embeddings, endpoint), patience, dead=dead)
        return self._embedders[name]

    def _embedder_that_answers(self) -> str:
        """What `auto` has picked is tried before an index is made with it."""
        if self.settings.models.embedder == "auto" and self.embedder_name != "embedded":
            try:
                self.embedder(self.embedder_name).documents(["Is anybody there?"])
            except Trouble:
                return "embedded"
        return self.embedder_name

    @cached_property
    def small_model(self) -> Endpoints:
        return self._endpoints([self.small_name])

    @cached_property
    def large_model(self) -> Endpoints | None:
        names = self.large_names
        return self._endpoints(names) if names and self.settings.routing.mode != "small" else None

    def _endpoints(self, names: Sequence[str]) -> Endpoints:
        gate = Gate(self.settings.privacy.internal_to, self.toll)
        doors = [gate.door(self._endpoint(name), _process(name)) for name in names]
        made = Endpoints(doors, self._count, self.settings.models.quiet, dead=self._dead(doors))
        self.asked.append(made)
        return made

    def _endpoint(self, name: str) -> Endpoint:
        with _as_settings():
            endpoint = self.catalog.endpoint(name)
        if endpoint.wire == "here":
            return replace(endpoint, context=_context_here(endpoint))
        if endpoint.wire != "ollama" or self.ollama is None:
            return endpoint
        # More than the model was made for would be cut without a word.
        made_for = context_of(endpoint.url, endpoint.model, SECONDS) or endpoint.context
        elsewhere = has(self.ollama.elsewhere, endpoint.model)
        return replace(endpoint, context=min(endpoint.context, made_for), elsewhere=elsewhere)

    def _dead(self, doors: Sequence[Door]) -> dict[str, ModelFailed]:
        """An Ollama that does not even list its models need not be waited for."""
        asked = [door.endpoint for door in doors if door.endpoint.wire == "ollama"]
        return {one.name: unreachable(one.name, one.host) for one in asked} if asked and self.ollama is None else {}


@contextmanager
def _as_settings() -> Iterator[None]:
    """A model's wrong name is a wrong setting."""
    try:
        yield
    except NoSuchModel as wrong:
        raise SettingsWrong(wrong.what, wrong.value, wrong.do) from wrong


def _context_here(endpoint: Endpoint) -> int:
    """What a model of this process was made for; one that cannot be loaded says so when it is asked."""
    from models.in_process import load

    try:
        return load(endpoint.model).context
    except ModelFailed:
        return endpoint.context


def _process(name: str) -> Callable[[], "BaseChatModel"] | None:
    """What loads a model that runs in this process."""
    kind, _, model = name.partition(":")
    if kind != "transformers":
        return None

    def loaded() -> "BaseChatModel":
        from models.in_process import load

        return load(model)

    return loaded

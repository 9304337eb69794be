"""tandem.toml < --config < environment < command line: read once, checked, and passed on."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from ingest.errors import Trouble
from ingest.labels import Label

ROOT = Path(__file__).parent.parent
SHIPPED = ROOT / "tandem.toml"
PREFIX = "TANDEM_"
KEYS = "TANDEM_KEY_"
"""No settings: the keys of hosts, which models/catalog.py reads."""


class SettingsWrong(Trouble):
    """A setting that is not known, or has a value it cannot have."""


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Models(Table):
    small: str = "auto"
    large: str | list[str] = "auto"
    triage: Literal["cascade", "small", "embedded"] = "cascade"
    embedder: str = "auto"
    precision: Literal["int8", "fp32"] = "int8"
    deadline: float = Field(default=60.0, gt=0)
    patience: float = Field(default=1.8, gt=0)
    quiet: float = Field(default=20.0, gt=0)
    context: int = Field(default=8192, ge=2048)


class Routing(Table):
    mode: Literal["hybrid", "small", "large"] = "hybrid"
    score_above: float = Field(default=5.0, ge=0, le=10)
    tokens_above: int = Field(default=4096, gt=0)


class Privacy(Table):
    internal_to: Literal["none", "private", "any"] = "any"
    private: list[str] = []


class Ingest(Table):
    private_hosts: list[str] = []


class Prices(Table):
    input: float = Field(default=2.5, ge=0)
    output: float = Field(default=10.0, ge=0)


class Budget(Table):
    usd_per_month: float | None = Field(default=None, ge=0, le=1e9, allow_inf_nan=False)


class Server(Table):
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)


class WeatherTool(Table):
    geocoding_url: str = "https://geocoding-api.open-meteo.com/v1/search"
    forecast_url: str = "https://api.open-meteo.com/v1/forecast"
    units: Literal["metric", "imperial", "auto"] = "auto"


class Tools(Table):
    weather: WeatherTool = WeatherTool()


class Intent(Table):
    name: str
    kind: Literal["documents", "tool", "chat"]
    collection: str | None = None
    describe: str = ""


class Collection(Table):
    name: str
    path: Path
    label: Label = "internal"
    groups: list[str] = []


class Settings(BaseSettings):
    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    models: Models = Models()
    routing: Routing = Routing()
    privacy: Privacy = Privacy()
    ingest: Ingest = Ingest()
    prices: Prices = Prices()
    budget: Budget = Budget()
    server: Server = Server()
    tools: Tools = Tools()
    intents: list[Intent] = []
    collections: list[Collection] = []
    home: Path = SHIPPED.parent
    """The folder of the settings file; the collections' paths start there."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """`read` has merged them already, so that an error can say where a value came from."""
        return (init_settings,)

    def collection(self, name: str) -> Collection:
        for collection in self.collections:
            if collection.name == name:
                return collection
        known = ", ".join(collection.name for collection in self.collections)
        raise SettingsWrong("There is no such collection.", name, f"Name one of {known}.")

    def folder(self, collection: Collection) -> Path:
        return self.home / collection.path


def read(
    environ: Mapping[str, str] = os.environ, config: Path | None = None, given: Mapping[str, Any] | None = None
) -> Settings:
    """The settings as a whole, or an error that names the key, the value and the way out."""
    if config is not None and not config.is_file():
        raise SettingsWrong("There is no such settings file.", str(config), "Check the path given with --config.")
    files = [SHIPPED] if config is None else [SHIPPED, config]
    for file in files:
        _check_toml(file)
    sources = [
        InitSettingsSource(Settings, _nested(given or {})),
        EnvSettingsSource(Settings, env_prefix=PREFIX, env_nested_delimiter="__"),
        TomlConfigSettingsSource(Settings, files, deep_merge=True),
    ]
    _check_environment(environ)
    merged: dict[str, Any] = {}
    for source in reversed(sources):
        merged = _merge(merged, source())
    named_collections = config is not None and "collections" in tomllib.loads(config.read_text("utf-8"))
    home = config.resolve().parent if config is not None and named_collections else SHIPPED.parent
    try:
        settings = Settings(**{"home": home, **merged})
    except ValidationError as error:
        raise _wrong(error) from None
    _check_references(settings)
    return settings


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    both = {
        k: _merge(below[k], v) if isinstance(v, dict) and isinstance(below.get(k), dict) else v
        for k, v in above.items()
    }
    return {**below, **both}


def _nested(given: Mapping[str, Any]) -> dict[str, Any]:
    """`{"routing.mode": "small"}` as tables."""
    tables: dict[str, Any] = {}
    for key, value in given.items():
        *path, last = key.split(".")
        table = tables
        for name in path:
            table = table.setdefault(name, {})
        table[last] = value
    return tables


def _check_toml(file: Path) -> None:
    try:
        text = file.read_text("utf-8")
        tomllib.loads(text)
    except OSError as error:
        raise SettingsWrong("The settings cannot be read.", str(file), error.strerror or "Check the file.") from error
    except UnicodeDecodeError:
        raise SettingsWrong("The settings are not in UTF-8.", str(file), "Save the file as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsWrong(
            f"{file.name} is not TOML: {error}.", _line_of(text, str(error)), "Mend that line."
        ) from None


def _line_of(text: str, message: str) -> str:
    """The line that tomllib complains of, with its key."""
    number = message.partition("line ")[2].partition(",")[0]
    lines = text.splitlines()
    return lines[int(number) - 1].strip() if number.isdigit() and int(number) <= len(lines) else "its last line"


def _check_environment(environ: Mapping[str, str]) -> None:
    for name in environ:
        if name.upper().startswith(PREFIX) and not name.upper().startswith(KEYS):
            *path, last = name.upper().removeprefix(PREFIX).lower().split("__")
            table: Any = Settings
            for part in path:
                field = table.model_fields.get(part)
                table = field.annotation if field and isinstance(field.annotation, type) else None
                if table is None or not issubclass(table, BaseModel):
                    break
            if table is None or not issubclass(table, BaseModel) or last not in table.model_fields:
                raise SettingsWrong("The environment names an unknown setting.", name, _known(Settings, "TANDEM_"))


def _wrong(error: ValidationError) -> SettingsWrong:
    first = error.errors()[0]
    key = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        return SettingsWrong("There is no such setting.", key, _known(_table_at(first["loc"][:-1])))
    return SettingsWrong(f"The setting {key} cannot have that value.", str(first["input"]), f"{first['msg']}.")


def _table_at(path: tuple[int | str, ...]) -> type[BaseModel]:
    table: type[BaseModel] = Settings
    for part in path:
        if isinstance(part, str):
            annotation = table.model_fields[part].annotation
            inner = get_args(annotation)[0] if get_args(annotation) else annotation
            table = inner if isinstance(inner, type) and issubclass(inner, BaseModel) else table
    return table


def _known(table: type[BaseModel], prefix: str = "") -> str:
    names = [name for name in table.model_fields if name != "home"]
    return "Name one of " + ", ".join(prefix + (name.upper() if prefix else name) for name in names) + "."


def _check_references(settings: Settings) -> None:
    names = [intent.name for intent in settings.intents]
    for required in ("smalltalk", "other"):
        if required not in names:
            raise SettingsWrong("An intent is missing.", required, "Add it to [[intents]]; it is always needed.")
    for kind, given in (("intent", names), ("collection", [c.name for c in settings.collections])):
        twice = next((name for name in given if given.count(name) > 1), None)
        if twice is not None:
            raise SettingsWrong(f"Two {kind}s have the same name.", twice, "Rename one.")
    for intent in settings.intents:
        if intent.collection is not None:
            settings.collection(intent.collection)

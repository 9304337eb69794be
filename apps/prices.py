"""prices.toml -> what each model's tokens cost; read once, checked, and passed on."""

import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from apps.settings import SHIPPED, SettingsWrong
from privacy.prices import Price

FILE = "prices.toml"


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Entry(Table):
    input: float = Field(ge=0, le=1e6, allow_inf_nan=False)
    output: float = Field(ge=0, le=1e6, allow_inf_nan=False)
    as_of: date


class Listed(Table):
    models: dict[str, Entry] = {}


def file_of(home: Path) -> Path:
    """Beside the settings that name the collections, else the shipped one."""
    file = home / FILE
    return file if file.is_file() else SHIPPED.parent / FILE


def read(file: Path) -> Mapping[str, Price]:
    try:
        given = Listed.model_validate(tomllib.loads(file.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsWrong("The prices cannot be read.", str(file), f"{error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        do = 'Write [models."NAME"] with input and output, in USD per million tokens, and as_of, a date.'
        raise SettingsWrong(f"{FILE} is wrong at {where}: {first['msg']}.", str(file), do) from None
    return {name: Price(entry.input, entry.output, entry.as_of.isoformat()) for name, entry in given.models.items()}

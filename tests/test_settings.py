"""Settings: three layers, and mistakes that say which key, which value and what to do."""

import re
from pathlib import Path

import pytest

from apps.settings import SHIPPED, Settings, SettingsWrong, read


def trouble(environ: dict[str, str] | None = None, config: Path | None = None) -> tuple[str, str | None, str | None]:
    with pytest.raises(SettingsWrong) as caught:
        read(environ or {}, config)
    return caught.value.what, caught.value.value, caught.value.do


def test_a_file_overrides_what_is_shipped_and_leaves_the_rest(tmp_path: Path) -> None:
    config = tmp_path / "mine.toml"
    config.write_text("[routing]\nscore_above = 7\n")
    settings = read({}, config)
    assert (settings.routing.score_above, settings.routing.tokens_above) == (7.0, 4096)
    assert [collection.name for collection in settings.collections] == ["401k", "benefits", "restricted", "public"]
    assert settings.home == SHIPPED.parent


def test_the_environment_overrides_the_file_and_the_command_line_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "mine.toml"
    config.write_text('[routing]\nscore_above = 7\nmode = "large"\n')
    monkeypatch.setenv("TANDEM_ROUTING__SCORE_ABOVE", "6")
    monkeypatch.setenv("TANDEM_ROUTING__MODE", "hybrid")
    routing = read(config=config, given={"routing.mode": "small"}).routing
    assert (routing.score_above, routing.mode) == (6.0, "small")


def test_a_files_own_collections_lie_beside_it(tmp_path: Path) -> None:
    config = tmp_path / "mine.toml"
    config.write_text('[[intents]]\nname="other"\nkind="chat"\n[[intents]]\nname="smalltalk"\nkind="chat"\n'
                      '[[collections]]\nname = "handbook"\npath = "docs"\n')  # fmt: skip
    settings = read({}, config)
    assert [(c.name, settings.folder(c), c.label) for c in settings.collections] == [
        ("handbook", tmp_path / "docs", "internal")
    ]


@pytest.mark.parametrize(
    ("text", "what", "value", "do"),
    [
        ("[routing\nmode = 1", r"bad\.toml is not TOML: .*line 1.*", "[routing", "Mend that line."),
        ("[routing]\nspeed = 1", "There is no such setting.", "routing.speed",
         "Name one of mode, score_above, tokens_above."),
        ('[routing]\nmode = "fast"', "The setting routing.mode cannot have that value.", "fast",
         "Input should be 'hybrid', 'small' or 'large'."),
        ("[routing]\nscore_above = 11", "The setting routing.score_above cannot have that value.", "11",
         "Input should be less than or equal to 10."),
        ('[[collections]]\nname = "a"\npath = "b"\nlabel = "secret"',
         "The setting collections.0.label cannot have that value.", "secret",
         "Input should be 'public', 'internal' or 'restricted'."),
        ('[[intents]]\nname = "other"\nkind = "chat"', "An intent is missing.", "smalltalk",
         r"Add it to \[\[intents\]\]; it is always needed."),
    ],
)  # fmt: skip
def test_a_mistake_names_the_key_the_value_and_the_way_out(
    tmp_path: Path, text: str, what: str, value: str, do: str
) -> None:
    config = tmp_path / "bad.toml"
    config.write_text(text)
    found = trouble(config=config)
    assert re.fullmatch(what, found[0])
    assert found[1] == value
    assert re.fullmatch(do, found[2] or "")


def test_an_unknown_setting_in_the_environment_is_named() -> None:
    what, value, _ = trouble({"TANDEM_ROUTING__SPEED": "1"})
    assert (what, value) == ("The environment names an unknown setting.", "TANDEM_ROUTING__SPEED")


def test_an_intent_whose_collection_is_unknown_is_named(tmp_path: Path) -> None:
    config = tmp_path / "bad.toml"
    config.write_text(
        '[[intents]]\nname="other"\nkind="chat"\n[[intents]]\nname="smalltalk"\nkind="chat"\n'
        '[[intents]]\nname="legal"\nkind="documents"\ncollection="law"\n'
    )
    assert trouble(config=config) == (
        "There is no such collection.",
        "law",
        "Name one of 401k, benefits, restricted, public.",
    )


def test_the_shipped_file_is_complete_and_says_the_defaults() -> None:
    defaults = Settings(intents=[], collections=[])
    shipped = read({})
    for table in ("models", "routing", "privacy", "prices", "server", "tools"):
        assert getattr(shipped, table) == getattr(defaults, table), table
    text = SHIPPED.read_text("utf-8")
    for table in ("models", "routing", "privacy", "prices", "server"):
        for key in type(getattr(defaults, table)).model_fields:
            assert re.search(rf"(?m)^{key} += ", text), f"tandem.toml does not say {table}.{key}"

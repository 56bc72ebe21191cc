from pathlib import Path

import pytest

from hotline.errors import ConfigError
from hotline.speech.listening import SERVICE
from hotline.speech.local_words import read_local_words_blocking

CONFIG = Path(__file__).parents[2] / "config"


def test_without_a_district_nothing_is_changed():
    words = read_local_words_blocking(None)
    assert words.fix("草原社区") == "草原社区"
    assert words.service == SERVICE


def test_the_streets_of_the_district_are_shown_to_the_recogniser():
    shown = read_local_words_blocking(CONFIG).service
    assert "北新桥、" in shown["zh"]
    assert shown["zh"].endswith(SERVICE["zh"])
    assert shown["en"] == SERVICE["en"]


def test_misheard_places_are_put_right():
    assert "草园社区" in read_local_words_blocking(CONFIG).fix("北新桥街道草原社区，院门口堆了砖头")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"catalogue\.csv: cannot be read"):
        read_local_words_blocking(tmp_path)

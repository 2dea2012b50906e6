"""What a run stands on: the demo's is kept apart from the real one's. How both use it is in test_program.py."""

import pytest

from tray_proxy.basis import ceiling, program_folders, with_demo_key
from tray_proxy.demo.keys import DEMO_KEY, FREE_KEY
from tray_proxy.secret_str import SecretStr
from tray_proxy.setting_list import Settings

KEY = "sk-or-v1-another-key-of-nobody"


def test_the_demo_keeps_its_settings_apart(tmp_path):
    settings = Settings(tray_proxy_home=tmp_path)

    real, demo = program_folders(settings, demo=False), program_folders(settings, demo=True)

    assert (real.settings_file, demo.settings_file) == (tmp_path / "settings.json", tmp_path / "demo" / "settings.json")
    assert real.logs == demo.logs


def test_without_a_file_of_models_there_is_no_ceiling():
    assert ceiling(Settings()) is None


def test_the_file_of_models_is_the_ceiling(tmp_path):
    file = tmp_path / "models.txt"
    file.write_text("openai/*  # and no other\n\n")

    assert ceiling(Settings(models_filter=file)) == ("openai/*",)


def test_a_file_of_models_that_is_gone_admits_none(tmp_path):
    settings = Settings().but(models_filter=tmp_path / "models.txt")

    assert ceiling(settings) == ()


@pytest.mark.parametrize(
    ("given", "used"), [(None, DEMO_KEY), (SecretStr(KEY), DEMO_KEY), (SecretStr(FREE_KEY), FREE_KEY)]
)
def test_without_a_tray_the_demo_has_its_key_at_hand(given, used):
    settings = with_demo_key(Settings(openrouter_api_key=given))

    assert settings.openrouter_api_key.get_secret_value() == used

"""Every setting, and what it is where nobody says anything."""

from typing import Any

from tray_proxy.setting_list import FIELDS

DEFAULTS: dict[str, Any] = {
    "openrouter_api_key": None,
    "proxy_api_key": None,
    "host": "127.0.0.1",
    "port": 11434,
    "same_user_only": False,
    "log_level": "INFO",
    "turn_on_at_start": True,
    "notifications": True,
    "check_for_updates": True,
    "models_filter": None,
    "openrouter_base_url": "https://openrouter.ai/api/v1",
    "tray_proxy_home": None,
    "ollama_origins": "",
    "web_permissions": {},
    "allowed_hosts": "",
    "ollama_host": "",
    "connect_timeout_s": 10.0,
    "first_byte_timeout_s": 300.0,
    "idle_timeout_s": 120.0,
    "daily_limit_usd": 5.0,
    "app_limits_usd": "",
    "request_limit_usd": 0.0,
    "paid_requests_per_minute": 300,
    "allowed_models": None,
    "hidden_models": (),
    "presets": {},
    "manage_models": "allow",
    "private_providers": False,
    "library_names": "call",
    "local_ollama": None,
}


def test_the_defaults_are_these():
    assert {name: field.default for name, field in FIELDS.items()} == DEFAULTS

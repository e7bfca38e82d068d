"""The settings (`settings`), and the flags and environment variables that fill them (`options`)."""

from agentos_mcp.settings.options import OPTIONS, Option, load, load_instances
from agentos_mcp.settings.settings import TOOLSETS, Settings, SettingsError, Token

__all__ = ["OPTIONS", "TOOLSETS", "Option", "Settings", "SettingsError", "Token", "load", "load_instances"]

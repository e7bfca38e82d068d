"""Settings: what they are (`values`), and how people give them (`options`)."""

from agentos_mcp.settings.options import OPTIONS, Option, load
from agentos_mcp.settings.settings import TOOLSETS, Settings, SettingsError, Token

__all__ = ["OPTIONS", "TOOLSETS", "Option", "Settings", "SettingsError", "Token", "load"]

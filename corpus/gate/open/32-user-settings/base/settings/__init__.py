from settings.files import SettingsError, load

__all__ = ["SettingsError", "load"]

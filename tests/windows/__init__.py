"""The code that only Windows runs, run here on what `tests/_support/windows.py` puts in Windows' place."""

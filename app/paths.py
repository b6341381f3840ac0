"""Where the app keeps its files: the platform's usual folders, or one folder of the user's choice (`--data-dir`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import platformdirs

from app.words import translate

NAME = "Formulens"


@dataclass(frozen=True)
class Paths:
    """The folders of the app, and the files in them. Making one touches no disk."""

    config: Path
    data: Path
    logs: Path

    @classmethod
    def default(cls) -> Paths:
        """The folders where this platform wants them."""
        dirs = platformdirs.PlatformDirs(NAME, appauthor=False)
        return cls(dirs.user_config_path, dirs.user_data_path, dirs.user_log_path)

    @classmethod
    def at(cls, folder: Path | str) -> Paths:
        """Everything in one folder."""
        root = Path(folder).expanduser().absolute()
        return cls(root, root, root / "logs")

    @property
    def settings(self) -> Path:
        return self.config / "settings.json"

    @property
    def history(self) -> Path:
        return self.data / "history.sqlite3"

    @property
    def lock(self) -> Path:
        """Held by the one running instance."""
        return self.data / "instance.lock"

    @property
    def log(self) -> Path:
        return self.logs / "formulens.log"

    def create(self) -> tuple[str, ...]:
        """Make the folders, for the user alone where they are new; return in words which ones cannot be used."""
        problems = []
        for folder in dict.fromkeys((self.config, self.data, self.logs)):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                told = translate("Paths", "The folder {folder} cannot be made: {reason}.")
                problems.append(told.format(folder=folder, reason=error.strerror or error))
        return tuple(problems)

"""Where the package lies, and what is no module: config.yaml, studies/ and workflow/."""

from pathlib import Path

#: Folder that holds the package.
SOURCE = Path(__file__).parents[1]

_SHIPPED = SOURCE / "critical_periods" / "project"

#: Folder of config.yaml, studies/ and workflow/: within the package where a wheel brought it, else the repository.
PROJECT = _SHIPPED if _SHIPPED.is_dir() else SOURCE.parent

#: Folder of the scripts that jobs run.
SCRIPTS = PROJECT / "workflow" / "scripts"

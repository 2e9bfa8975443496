"""Put the page that is just built where the package has it, with the experiments of the paper."""

from pathlib import Path

from critical_periods.configuration.files import paper
from critical_periods.planning.plan import Plan
from critical_periods.publishing.explorer import EXPLORER, filled, offered
from critical_periods.publishing.markup import report_parameter
from critical_periods.storage.files import write_whole

built = Path(__file__).parent / "dist/explorer.html"
experiments = report_parameter(offered(Plan(paper()).experiments.values()))
write_whole(filled(built.read_text(encoding="utf-8"), experiments), EXPLORER)

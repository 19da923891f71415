"""A reader study: which of the two was attacked? Pairs, answers, accuracy, agreement."""

from radar_core.readers.agreement import cohen_kappa, fleiss_kappa
from radar_core.readers.log import SURE, Answer, add_answer, answers, as_csv, check_code, log_file
from radar_core.readers.pairs import Pair, PairPlan, Pairs, as_file, from_file, prepare_pairs
from radar_core.readers.results import ReaderResult, agreement, results

__all__ = [
    "SURE",
    "Answer",
    "Pair",
    "PairPlan",
    "Pairs",
    "ReaderResult",
    "add_answer",
    "agreement",
    "answers",
    "as_csv",
    "as_file",
    "check_code",
    "cohen_kappa",
    "fleiss_kappa",
    "from_file",
    "log_file",
    "prepare_pairs",
    "results",
]

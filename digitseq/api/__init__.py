"""
The core API: what programs call, and all that the command line calls.

It wires the rooms; how things are done stands in them.
"""

from digitseq.api.datasets import outline as outline
from digitseq.api.datasets import read_dataset as read_dataset
from digitseq.api.datasets import read_recipe as read_recipe
from digitseq.api.datasets import seed_in as seed_in
from digitseq.api.datasets import verify_dataset as verify_dataset
from digitseq.api.datasets import write_dataset as write_dataset
from digitseq.api.inspection import check_output as check_output
from digitseq.api.inspection import compare_reports as compare_reports
from digitseq.api.inspection import draw_sheet as draw_sheet
from digitseq.api.inspection import inspect_dataset as inspect_dataset
from digitseq.api.inspection import score_predictions as score_predictions
from digitseq.api.inspection import write_page as write_page
from digitseq.api.inspection import write_sheet as write_sheet
from digitseq.api.pictures import draw as draw
from digitseq.api.pictures import fetch_mnist as fetch_mnist
from digitseq.api.pictures import generate_numbers_sequence as generate_numbers_sequence
from digitseq.api.pictures import load_glyphs as load_glyphs
from digitseq.api.pictures import make_recipe as make_recipe

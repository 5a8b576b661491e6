"""Grading of derivations made by hand."""

from minigrad.derivation.backward import BackwardReport as BackwardReport
from minigrad.derivation.backward import check_backward as check_backward
from minigrad.derivation.diagnosis import Diagnosis as Diagnosis
from minigrad.derivation.grading import assert_derivation as assert_derivation
from minigrad.derivation.grading import check_derivation as check_derivation
from minigrad.derivation.report import Report as Report
from minigrad.derivation.report import Row as Row

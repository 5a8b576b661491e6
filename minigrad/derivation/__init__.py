"""Grading of derivations made by hand."""

from minigrad.derivation.backward import BackwardReport as BackwardReport
from minigrad.derivation.backward import check_backward as check_backward
from minigrad.derivation.classroom import Grade as Grade
from minigrad.derivation.classroom import Grades as Grades
from minigrad.derivation.classroom import grade as grade
from minigrad.derivation.compare import cmp as cmp
from minigrad.derivation.diagnosis import Diagnosis as Diagnosis
from minigrad.derivation.exercise import Exercise as Exercise
from minigrad.derivation.exercise import exercise as exercise
from minigrad.derivation.grading import assert_derivation as assert_derivation
from minigrad.derivation.grading import check_derivation as check_derivation
from minigrad.derivation.report import Report as Report
from minigrad.derivation.report import Row as Row

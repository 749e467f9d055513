"""Explorables: figures that are alive in the notebook, one a file, each with its front end beside it.

from edf_course.explore import TrainingDesk
TrainingDesk()
"""

from edf_course.explore.training_desk import TrainingDesk

__all__ = ["TrainingDesk"]

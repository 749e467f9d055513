"""Tests of edf_course.edf."""

"""Is this image suspicious? Screening of single images, without a clean twin.

A model looks at an image and at benign variants of it (`look`); scores of `radar_core.detection`
are fitted on clean images, combined, and calibrated on others (`detector`).
"""

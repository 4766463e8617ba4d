"""Faults planted one at a time in the figures and the rules: do the tests see them?"""

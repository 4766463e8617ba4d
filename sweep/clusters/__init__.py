"""Clusters that exist already, each as a Pool: one file for each engine."""

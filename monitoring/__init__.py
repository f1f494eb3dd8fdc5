"""Predictions and labels in, drift events and retraining jobs out."""

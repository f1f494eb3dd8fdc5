"""Alerts that act: a webhook of Alertmanager or Grafana becomes a retraining job."""

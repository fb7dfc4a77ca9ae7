"""Loggers: files of values, TensorBoard, Weights & Biases, MLflow."""

"""Embedding models: one fetched and converted once, or any ONNX directory."""

from .absent import AbsentModel
from .directory import Precision
from .errors import ModelNotFetched, ModelUnusable
from .model_files import default_model_directory, is_pulled, pull_model
from .onnx_model import OnnxEmbeddingModel

__all__ = [
    "AbsentModel",
    "ModelNotFetched",
    "ModelUnusable",
    "OnnxEmbeddingModel",
    "Precision",
    "default_model_directory",
    "is_pulled",
    "pull_model",
]

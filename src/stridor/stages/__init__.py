"""The pipeline's stages, one thin script each: parameters in, files out, run logged."""

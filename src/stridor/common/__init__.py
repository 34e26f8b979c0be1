"""Files over HTTP: asked for patiently, taken up where a line broke, checked before they appear."""

"""Tests of distillation write their recordings into a folder of their own and run inside it."""

import pytest


@pytest.fixture(autouse=True)
def _inside_a_new_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

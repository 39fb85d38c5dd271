"""What an evaluation returns, as text."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from shown import shown

from patentcl.metrics import evaluate


def test_metrics_print_in_each_form_and_join() -> None:
    truth = np.array([[1, 0], [0, 0]])
    a = evaluate(truth, truth, "lrap")
    b = evaluate(truth, truth, "coverage_error")
    both = a | b
    assert list(both) == ["lrap", "coverage_error"]
    assert "1.0000" in both.to_text() and "2 patents" in both.to_text()
    assert str(both) == both.to_text() != repr(both)
    assert both.to_markdown().count("\n") == 3
    assert r"\toprule" in both.to_latex() and r"coverage\_error" in both.to_latex()
    assert json.loads(both.to_json())["lrap"]["undefined"] == 1
    text, (rows,) = shown(both)
    assert text == "Metrics: 2 figures"
    assert rows[1] == ["lrap", "1.0000", "1.0000 to 1.0000", "2 patents", "1"]
    with pytest.raises(KeyError, match="Did you mean lrap"):
        both["lrapp"]
    assert isinstance(pd.Series(dict(both)).sum(), float)

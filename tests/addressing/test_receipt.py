"""The receipt of one text names the stage that settled it and what was tried before, in both languages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from addressing import AddressBase, explain
from addressing.cascade import STAGES
from addressing.receipt import _STAGES


def test_every_stage_has_a_name_in_both_languages() -> None:
    assert {stage.__name__ for stage in STAGES} == set(_STAGES)
    assert all(english and chinese for english, chinese in _STAGES.values())


def test_what_was_tried_stands_before_what_settled(mainland: AddressBase) -> None:
    names = [stage.__name__ for stage in STAGES]
    receipt = explain(mainland, "没有这个地方")
    assert receipt.settled_by == "stage_rest"
    assert receipt.ruled_out == sorted(receipt.ruled_out, key=names.index)
    assert {"stage_exact", "stage_corrected", "stage_division"} <= set(receipt.ruled_out)
    # A register in columns has no full texts, and no coordinates were given.
    assert not {"stage_full_text", "stage_nearest_number", "stage_rest"} & set(receipt.ruled_out)
    shown = receipt.render("both")
    assert "Ruled out" in shown
    assert "排除" in shown


def test_the_receipt_does_not_import_pandas(mainland: AddressBase, tmp_path: Path) -> None:
    """Its import takes longer than the answer."""
    mainland.save(tmp_path / "base")
    code = (
        "import sys\nfrom pathlib import Path\nfrom addressing import AddressBase, explain\n"
        "explain(AddressBase.open(Path(sys.argv[1])), '碧新路27号', street='光明街道')\nprint('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "base")], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

"""Parts of a page that are shown again and again."""

from __future__ import annotations

import tomllib

from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue

from radar_core.figures_noise import NoiseRow, noise_strip
from radar_core.settings import ROOT
from radar_core.ui.palette import palette


def test_a_chart_that_is_polled_is_never_sent_as_a_reference() -> None:
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    values = [i / 100 for i in range(100)]
    rows = [NoiseRow(f"metric {i}", values, 0.5, 0.6, 0.0, 1.0, "higher") for i in range(8)]
    size = len(noise_strip(rows, palette()).to_json())
    assert size * 3 < config["global"]["minCachedMessageSize"]


def test_streamlit_still_keeps_references_when_it_drops_what_they_belong_to() -> None:
    """When this fails, the setting above is no longer needed."""
    queue = ForwardMsgQueue()
    block, reference = ForwardMsg(), ForwardMsg()
    block.delta.fragment_id, reference.ref_hash = "part", "chart"
    block.delta.add_block.SetInParent()
    block.metadata.delta_path[:], reference.metadata.delta_path[:] = [0, 1], [0, 1, 0]
    queue.enqueue(block)
    queue.enqueue(reference)
    queue.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=["part"])
    assert [message.WhichOneof("type") for message in queue.flush()] == ["ref_hash"]

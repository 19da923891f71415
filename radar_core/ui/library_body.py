"""The page of data sets and models: what there is, and adding more."""

from __future__ import annotations

import streamlit as st

from radar_core.ui.library_adopt import adoption
from radar_core.ui.library_data import add_by_path, data_sets
from radar_core.ui.library_fetch import fetching
from radar_core.ui.library_models import models
from radar_core.ui.locality import is_local
from radar_core.ui.text import quiet


def library() -> None:
    """The whole page under its title."""
    local = is_local()
    data, classifiers = st.tabs(
        [":material/photo_library: Data sets", ":material/model_training: Models"]
    )
    with data:
        data_sets(local)
        st.subheader("Add a data set", anchor=False)
        if local:
            add_by_path()
            fetching()
        else:
            _from_elsewhere("add PATH", "fetch NAME")
    with classifiers:
        models(local)
        st.subheader("Add a model", anchor=False)
        if local:
            adoption()
        else:
            _from_elsewhere("adopt FILE")
    quiet("Research software, not a medical device.")


def _from_elsewhere(*commands: str) -> None:
    """What a visitor at another machine is told: nobody there may name what lies on this disk."""
    st.markdown("Adding is for whoever is at the machine that runs RADAR: on this page, or by")
    st.code(
        "\n".join(f"python -m radar_core {words}" for words in commands),
        language=None,
        wrap_lines=True,
    )

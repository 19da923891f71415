"""What is computed after the pictures of a case, each as a job of its own that can be stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from radar_core.ui.jobs import BACKGROUND, Job, Steps, device_jobs
from radar_core.ui.polling import visitor
from radar_core.ui.text import plain, sentence
from radar_core.view.metric_words import short

if TYPE_CHECKING:
    from radar_core.case import CaseResult


@dataclass(frozen=True)
class FollowUp:
    """A section below the panels.

    Attributes:
        slot: of its job, and the beginning of the keys of its controls.
        label: of the choice of explainers.
        images: that an explainer has to explain for it.
        cheap: seconds that an explainer may take over these without being asked for.
    """

    slot: str
    label: str
    images: int
    cheap: float

    def key(self, result: CaseResult) -> str:
        """Of its job for a case."""
        return f"{self.slot}/{result.spec.key()}"

    def leave(self) -> None:
        """Wait no longer: another case comes first."""
        device_jobs().release(visitor(), self.slot)

    def choose(self, result: CaseResult) -> None:
        """The control that says which explainers it covers."""
        costs = self._costs(result)
        key = f"{self.slot}.explain"
        st.session_state[key] = list(self.chosen(result))
        if costs:
            titles = {id: short(e.title) for id, e in result.explanations.items()}
            st.pills(
                self.label,
                list(costs),
                key=key,
                format_func=lambda id: (
                    titles[id]
                    if costs[id] <= self.cheap
                    else f"{titles[id]}, about {costs[id]:.0f} s"
                ),
                selection_mode="multi",
                on_change=self._wish,
                args=(costs,),
            )

    def chosen(self, result: CaseResult) -> tuple[str, ...]:
        """The cheap explainers of a case, and whatever its visitor has added or taken off."""
        return self._chosen(self._costs(result))

    def _chosen(self, costs: Mapping[str, float]) -> tuple[str, ...]:
        wishes = st.session_state.get(f"{self.slot}.wishes", {})
        return tuple(id for id, cost in costs.items() if wishes.get(id, cost <= self.cheap))

    def _wish(self, costs: Mapping[str, float]) -> None:
        """Note what has been added or taken off; it holds for the cases after this one, too."""
        shown, before = st.session_state[f"{self.slot}.explain"], self._chosen(costs)
        changed = {id: id in shown for id in costs if (id in shown) != (id in before)}
        wishes = st.session_state.get(f"{self.slot}.wishes", {})
        st.session_state[f"{self.slot}.wishes"] = wishes | changed

    def _costs(self, result: CaseResult) -> dict[str, float]:
        """Seconds that each explainer of a case would take."""
        return {id: e.seconds / 2 * self.images for id, e in result.explanations.items()}

    def job(self, key: str, steps: Steps, about: str = "") -> Job | None:
        """Its job, started if need be; None once this visitor has stopped it.

        Args:
            about: the hash of the upload it works on, if any.
        """
        if st.session_state.get(f"{self.slot}.stopped") == key:
            return None
        return device_jobs().submit(
            key, steps, owner=visitor(), slot=self.slot, priority=BACKGROUND, about=about
        )

    def status(self, job: Job | None, key: str) -> None:
        """How far it is, why it failed, and the button that stops or starts it."""
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if job is None or job.state == "failed":
                if job is not None:
                    said = plain(sentence(job.error))
                    st.markdown(f":small[:orange[{said}]]", width="content")
                st.button(
                    "Compute",
                    key=f"{self.slot}.go",
                    type="tertiary",
                    on_click=self._again,
                    args=(key,),
                )
            elif job.active:
                said = "waiting for another computation" if job.state == "waiting" else job.note
                st.progress(job.fraction, text=f"{job.fraction:.0%} · {plain(said)}")
                st.button(
                    "Stop",
                    key=f"{self.slot}.stop",
                    type="tertiary",
                    on_click=self._stop,
                    args=(key,),
                )

    def _stop(self, key: str) -> None:
        self.leave()
        st.session_state[f"{self.slot}.stopped"] = key

    def _again(self, key: str) -> None:
        st.session_state.pop(f"{self.slot}.stopped", None)
        device_jobs().forget(key)

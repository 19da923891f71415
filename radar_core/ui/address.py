"""What a page keeps in its address, told from what a browser still says of before."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

_REMEMBERED = 64


class Address:
    """The address of a page: what this session wrote there last, and what a link could not get.

    Args:
        page: whose keys of the session these are.
    """

    def __init__(self, page: str) -> None:
        self._written, self._earlier, self._said = (
            f"{page}.{name}" for name in ("written", "earlier", "said")
        )

    @property
    def written(self) -> dict[str, str] | None:
        """What this session wrote last; None where it took its controls from an address."""
        found: dict[str, str] | None = st.session_state.get(self._written)
        return found

    def asks(self, given: Mapping[str, str]) -> bool:
        """Whether an address is a wish, not what this session wrote there itself."""
        return bool(given) and given != self.written and not self._late(given)

    def taken(self) -> None:
        """The controls are as the address said."""
        st.session_state.pop(self._written, None)

    def forget(self) -> None:
        """Take the next address as a wish, even one that this session wrote before."""
        for key in (self._written, self._earlier):
            st.session_state.pop(key, None)

    def write(self, values: Mapping[str, str]) -> None:
        """Put the values into the address; once they change, what a link could not get is past."""
        before, now = self.written, st.query_params.to_dict()
        if before is not None and before != values:
            self.hush()
        if values != now and not (values == before and self._late(now)):
            st.query_params.from_dict(values)
        if before is not None and values != before:
            earlier = [old for old in st.session_state.get(self._earlier, []) if old != values]
            st.session_state[self._earlier] = [*earlier, before][-_REMEMBERED:]
        st.session_state[self._written] = dict(values)

    def _late(self, given: Mapping[str, str]) -> bool:
        """Whether a browser says what stood in its address before it heard of the change.

        A slow one may answer with the last address but one; taken for a wish, it would undo the
        choice just made. Only going back or forward in the history asks for an address written
        before.
        """
        context = get_script_run_ctx()
        history = context is not None and context.is_history_navigation
        return not history and given in st.session_state.get(self._earlier, [])

    def say(self, sentence: str) -> None:
        """Note what a link asked for and could not get; it is shown until a control is changed."""
        if sentence not in st.session_state.setdefault(self._said, []):
            st.session_state[self._said].append(sentence)

    def said(self) -> list[str]:
        """What was noted, in order."""
        return list(st.session_state.get(self._said, []))

    def hush(self) -> None:
        """Forget what was noted."""
        st.session_state[self._said] = []

"""One file a source: `offers()` says what it has, `refused()` what it has and cannot give."""

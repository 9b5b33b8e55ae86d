"""The one exception of this package. Must not import anything."""


class GaussmixSparkError(Exception):
    """A fit or prediction that cannot be done, in one sentence that says what to do.

    `code` is that of the library (`MISSING_VALUE`, `INVALID_OPTION`, `DEGENERATE_DATA` ...), or one of `DATA`, `ENGINE`,
    `EXECUTOR`, `CHECKPOINT`.
    """

    def __init__(self, message: str, code: str = "DATA") -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self):
        return GaussmixSparkError, (str(self), self.code)
